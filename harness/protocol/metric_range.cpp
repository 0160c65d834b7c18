#include "harness/protocol/metric_range.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace assay {
namespace {

constexpr MetricRange kAny{};
constexpr MetricRange kNotNegative{.least = 0};
constexpr MetricRange kShare{.least = 0, .most = 1};
constexpr MetricRange kFromOne{.least = 1};
constexpr MetricRange kCorrelation{.least = -1, .most = 1};

/// Differences of two measured things can be on either side of 0, whatever their unit.
constexpr std::array<std::string_view, 1> kDifferences = {"energy/net_per_token"};
constexpr std::array<std::string_view, 7> kShares = {"acc",
                                                     "acc_norm",
                                                     "f1",
                                                     "macro_f1",
                                                     "top1_agreement",
                                                     "achieved_sparsity",
                                                     "step/fallback_share"};
constexpr std::array<std::string_view, 1> kCorrelations = {"matthews"};
constexpr std::array<std::string_view, 3> kPerplexities = {"token_ppl", "word_ppl", "perplexity"};
/// Divergences, distances, counts, and ratios of positive things.
constexpr std::array<std::string_view, 7> kNumbers = {
    "kl",           "ppl_ratio", "model/params", "model/nonzero", "process/loops", "probe/distance",
    "probe/allowed"};
constexpr std::array<std::string_view, 3> kSharePrefixes = {"acc/", "acc_norm/",
                                                            "achieved_sparsity/"};

template <std::size_t kCount>
bool among(const std::array<std::string_view, kCount>& tags, const std::string& tag) {
  return std::ranges::find(tags, tag) != tags.end();
}

}  // namespace

double MetricRange::nearest(double value) const { return std::clamp(value, least, most); }

std::optional<MetricRange> known_range(const std::string& tag, const std::string& unit) {
  if (among(kDifferences, tag)) return kAny;
  const bool part = std::ranges::any_of(
      kSharePrefixes, [&](std::string_view prefix) { return tag.starts_with(prefix); });
  if (part || among(kShares, tag)) return kShare;
  if (among(kPerplexities, tag)) return kFromOne;
  if (among(kCorrelations, tag)) return kCorrelation;
  if (!unit.empty() || among(kNumbers, tag)) return kNotNegative;
  return std::nullopt;
}

MetricRange range_of(const std::string& tag, const std::string& unit) {
  return known_range(tag, unit).value_or(MetricRange{});
}

}  // namespace assay
