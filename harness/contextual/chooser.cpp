#include "harness/contextual/chooser.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/cell_errors.h"
#include "harness/contextual/choice.h"

namespace assay {

void LayerStreams::put(const StreamPlace& place, const at::Tensor& stream) {
  std::erase_if(streams_, [&](const auto& entry) { return entry.first.layer < place.layer - 1; });
  streams_[place] = stream;
}

const at::Tensor& LayerStreams::at(const StreamPlace& place) const {
  const auto found = streams_.find(place);
  if (found == streams_.end()) {
    throw DoesNotApply(fmt::format(
        "what is chosen is predicted from layer {}, which has not run: a layer is run alone here",
        place.layer));
  }
  return found->second;
}

LayerStreams& streams_of(const StepContext& step, const void* owner) {
  if (step.state == nullptr || !step.stream.defined()) {
    throw DoesNotApply(
        "what is chosen in one layer is predicted from earlier ones, and a block that is run alone "
        "has none");
  }
  return step.state->of<LayerStreams>(owner);
}

std::int64_t count_of_density(double density, std::int64_t units) {
  return std::max<std::int64_t>(1, units - dropped_of(1 - density, units));
}

}  // namespace assay
