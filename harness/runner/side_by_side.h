#pragma once
// Which jobs may be done at the same time, and what a user should know about that.

#include <cstddef>
#include <string>
#include <vector>

#include "harness/plan/plan.h"
#include "harness/runner/job.h"

namespace assay {

/// True when one had better wait for the other: both need an artefact that is not made yet, or both
/// use the same GPU, whose memory nothing divides.
bool in_each_others_way(const Plan& plan, const Catalogue& catalogue, const Job& one,
                        const Job& other);

/// For every profile under which `places` workers at a time have fewer cores than threads.
std::vector<std::string> notes_on_places(const Plan& plan, const Catalogue& catalogue,
                                         std::size_t places);

}  // namespace assay
