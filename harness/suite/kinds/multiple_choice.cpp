// The answer with the largest log-likelihood, as lm-evaluation-harness chooses it.

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include "harness/suite/model_needs.h"
#include "harness/suite/score_metrics.h"
#include "harness/suite/scored_items.h"

namespace assay {
namespace {

constexpr const char* kConvention =
    "lm-evaluation-harness 0.4.13, first {limit} items of each subtask (0: all): ";

constexpr const char* kCorrectNorm = "correct_norm";

/// The value of the items of a group, and tag of their accuracy.
std::string of_group(const std::string& group) { return "acc/" + group; }

MetricDef accuracy(const std::string& tag, const std::string& what, const std::string& help,
                   const std::string& item_value) {
  return {tag, "", 1, kConvention + what, help, Basis::kShare, item_value};
}

/// Index of the first largest value.
std::int64_t argmax(const std::vector<double>& values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

/// One likelihood that is no number spoils the tally: whatever was chosen means nothing.
struct Tally {
  std::int64_t hits = 0, total = 0;
  bool broken = false;
  void add(bool hit, bool finite) {
    hits += hit ? 1 : 0;
    ++total;
    broken = broken || !finite;
  }
  [[nodiscard]] MetricValue metric(const std::string& tag) const {
    return broken ? broken_metric(tag, total) : proportion_metric(tag, hits, total);
  }
};

class MultipleChoice final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    const std::string sum = "largest sum of log-probabilities";
    SuiteKindInfo info;
    info.name = "multiple_choice";
    info.summary = "Accuracy in choosing among given answers by their log-likelihood";
    info.data_format = "items";
    info.requires_ = needs_next_token();
    info.params = item_params();
    info.metrics = {
        accuracy("acc", sum, "Share of questions answered right", "correct"),
        accuracy("acc_norm", sum + " divided by the answer's characters",
                 "Share answered right when longer answers get no handicap", kCorrectNorm),
    };
    for (const char* group : {"humanities", "other", "social_sciences", "stem"}) {
      info.metrics.push_back(accuracy(of_group(group), sum + ", group of MMLU",
                                      "Share of the group's questions answered right",
                                      of_group(group)));
    }
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const c10::InferenceMode guard;
    const ScoredItems scored = score_prepared_items(context, params, {});
    report(context, scored.prepared, scored.scores);
  }

 private:
  static void report(SuiteContext& context, const PreparedItems& prepared,
                     const std::vector<std::vector<RequestScore>>& scores) {
    const bool with_norm = std::ranges::count(prepared.metrics, "acc_norm") > 0;
    Tally acc, acc_norm;
    std::map<std::string, Tally> groups;
    std::vector<ItemScore> rows;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const PreparedItem& item = prepared.items[i];
      std::vector<double> plain, normed;
      for (std::size_t r = 0; r < scores[i].size(); ++r) {
        plain.push_back(scores[i][r].log_likelihood);
        normed.push_back(plain.back() / item.requests[r].length);
      }
      const bool finite = std::ranges::all_of(plain, [](double x) { return std::isfinite(x); });
      const std::int64_t chosen = argmax(plain);
      const bool right = chosen == item.gold;
      const bool right_norm = argmax(normed) == item.gold;
      acc.add(right, finite);
      acc_norm.add(right_norm, finite);
      rows.push_back(row(static_cast<std::int64_t>(i), item, chosen, scores[i]));
      if (with_norm) rows.back().values[kCorrectNorm] = right_norm ? 1 : 0;
      if (item.group.empty()) continue;
      groups[item.group].add(right, finite);
      rows.back().values[of_group(item.group)] = right ? 1 : 0;
    }
    context.emit_items(rows);
    context.emit(acc.metric("acc"));
    if (with_norm) context.emit(acc_norm.metric("acc_norm"));
    for (const auto& [group, tally] : groups) context.emit(tally.metric(of_group(group)));
  }

  static ItemScore row(std::int64_t index, const PreparedItem& item, std::int64_t chosen,
                       const std::vector<RequestScore>& scores) {
    const RequestScore& gold = scores[static_cast<std::size_t>(item.gold)];
    ItemScore row;
    row.item = index;
    row.item_hash = item.hash;
    row.correct = chosen == item.gold;
    row.score = static_cast<double>(chosen);
    row.nll = finite_or_nothing(-gold.log_likelihood);
    row.tokens = gold.tokens;
    return row;
  }
};

}  // namespace

void register_multiple_choice(SuiteRegistry& registry) {
  registry.add(std::make_unique<MultipleChoice>());
}

}  // namespace assay
