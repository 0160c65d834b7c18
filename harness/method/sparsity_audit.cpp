#include "harness/method/sparsity_audit.h"

#include <ATen/ops/count_nonzero.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "harness/base/errors.h"
#include "harness/base/json.h"
#include "harness/method/chosen_blocks.h"
#include "harness/method/sparsity.h"
#include "harness/model/dense_linear.h"

namespace assay {
namespace {

/// Rules differ by less: one of them prunes at least one weight more than it was asked.
constexpr double kTolerance = 0.02;
constexpr std::size_t kMostNamed = 8;

double share_of_zeros(const at::Tensor& weight) {
  const auto nonzero = static_cast<double>(at::count_nonzero(weight).item<std::int64_t>());
  return 1 - nonzero / static_cast<double>(weight.numel());
}

/// Nothing for parameters of these names that mean something else.
std::optional<double> asked_share(const Params& params) {
  const Json& json = params.json();
  const bool both = json.contains("sparsity") && json.contains("pattern");
  if (!both || !json.at("sparsity").is_number() || !json.at("pattern").is_string()) return {};
  try {
    return sparsity_target(params).ratio;
  } catch (const UserError&) {
    return std::nullopt;
  }
}

bool chosen(const Params& params, const SlotPlace& place) {
  return !params.json().contains("blocks") || in_blocks(params, place);
}

/// The words of those that missed, and how many there were to look at.
struct Missed {
  std::string names;
  std::size_t count = 0, of = 0;
  void add(const std::string& name, double share) {
    if (++count <= kMostNamed) {
      names += fmt::format("{}{} {:.1f} %", names.empty() ? "" : ", ", name, 100 * share);
    }
  }
};

}  // namespace

std::string missed_sparsity(const Model& model, const Params& params) {
  const auto asked = asked_share(params);
  if (!asked || *asked == 0) return "";
  Missed missed;
  for (std::int64_t index = 0; index < model.layer_count(); ++index) {
    const Layer& layer = model.layers()[static_cast<std::size_t>(index)];
    for (const SlotPlace& place : layer.places()) {
      const auto* dense = dynamic_cast<const DenseLinear*>(&layer.linear(place));
      if (dense == nullptr || !chosen(params, place)) continue;
      ++missed.of;
      const double share = share_of_zeros(dense->weight());
      // A row of few weights has few shares to choose from.
      const double step = 1.0 / static_cast<double>(dense->weight().size(1));
      if (std::abs(share - *asked) > std::max(kTolerance, step)) {
        missed.add(slot_path(index, place), share);
      }
    }
  }
  if (missed.count == 0) return "";
  return fmt::format("asked for {:.1f} % zeros in every matrix; {} of {} have another share: {}{}",
                     100 * *asked, missed.count, missed.of, missed.names,
                     missed.count > kMostNamed ? ", ..." : "");
}

}  // namespace assay
