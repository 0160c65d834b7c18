// LAMBADA: is the last word of a passage what the model would say?

#include <c10/core/InferenceMode.h>

#include <cmath>
#include <memory>

#include "harness/suite/model_needs.h"
#include "harness/suite/score_metrics.h"
#include "harness/suite/scored_items.h"

namespace assay {
namespace {

class LastWord final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    const std::string convention = "lm-evaluation-harness 0.4.13, first {limit} items (0: all): ";
    SuiteKindInfo info;
    info.name = "last_word";
    info.summary = "Accuracy and perplexity of the last word of a passage";
    info.data_format = "items";
    info.requires_ = needs_next_token();
    info.params = item_params();
    info.metrics = {
        {"acc", "", 1, convention + "every token of the word is the most likely one",
         "Share of last words that greedy decoding finds", Basis::kShare, "correct"},
        {"perplexity", "", -1, convention + "exp of the mean negative log-likelihood of a word",
         "Perplexity of a last word", Basis::kExpMean, "nll"},
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const c10::InferenceMode guard;
    TreeScorerOptions options;
    options.want_greedy = true;
    const auto [prepared, scores] = score_prepared_items(context, params, options);
    const auto total = std::ssize(prepared.items);
    std::int64_t hits = 0;
    std::vector<double> losses;
    std::vector<ItemScore> rows;
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const PreparedItem& item = prepared.items[i];
      const RequestScore& score = scores[i][static_cast<std::size_t>(item.gold)];
      hits += score.greedy ? 1 : 0;
      losses.push_back(-score.log_likelihood);
      ItemScore row;
      row.item = static_cast<std::int64_t>(i);
      row.item_hash = item.hash;
      row.correct = score.greedy;
      row.nll = finite_or_nothing(-score.log_likelihood);
      row.tokens = score.tokens;
      rows.push_back(row);
    }
    context.emit_items(rows);
    const MetricValue perplexity = exp_mean_metric("perplexity", losses);
    context.emit(std::isfinite(*perplexity.value) ? proportion_metric("acc", hits, total)
                                                  : broken_metric("acc", total));
    context.emit(perplexity);
  }
};

}  // namespace

void register_last_word(SuiteRegistry& registry) { registry.add(std::make_unique<LastWord>()); }

}  // namespace assay
