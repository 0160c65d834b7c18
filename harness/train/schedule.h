#pragma once
// How the learning rate moves over the steps of a training. The formulas are those of transformers'
// get_constant_, get_linear_ and get_cosine_schedule_with_warmup.

#include <cstdint>
#include <optional>
#include <string>

namespace assay {

enum class Schedule { kConstant, kLinear, kCosine };

/// "constant", "linear", "cosine".
const char* schedule_name(Schedule schedule);
std::optional<Schedule> schedule_from_name(const std::string& name);

/// ceil(share * steps), as transformers' trainer makes steps of a share.
std::int64_t warmup_steps(double share, std::int64_t steps);

/// What the learning rate is multiplied with in step k (from 0) of K, with W steps of warm-up:
///   k < W:     k / W, so that the very first step moves nothing
///   constant:  1
///   linear:    (K - k) / (K - W)
///   cosine:    (1 + cos(pi (k - W) / (K - W))) / 2
/// Not below 0 for k beyond K.
double rate_factor(Schedule schedule, std::int64_t step, std::int64_t warmup, std::int64_t steps);

}  // namespace assay
