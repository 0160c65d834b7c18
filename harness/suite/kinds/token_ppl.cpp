// Token perplexity over fixed windows.

#include <ATen/ops/mean.h>
#include <c10/core/InferenceMode.h>

#include <memory>

#include "harness/suite/model_needs.h"
#include "harness/suite/prepared.h"
#include "harness/suite/score_metrics.h"
#include "harness/suite/token_scores.h"
#include "harness/suite/windows.h"

namespace assay {
namespace {

constexpr const char* kTag = "token_ppl";

/// Mean negative log-likelihood of each window's targets.
std::vector<double> mean_losses(const Model& model, const WindowBatch& batch) {
  const at::Tensor nll = token_nll(model, predicting_rows(model, batch), batch.targets)
                             .to(at::kDouble)
                             .view({batch.count, -1});
  std::vector<double> means;
  for (std::int64_t i = 0; i < batch.count; ++i) means.push_back(nll[i].mean().item<double>());
  return means;
}

class TokenPpl final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    SuiteKindInfo info;
    info.name = "token_ppl";
    info.summary = "Token perplexity of a text in fixed windows, as GPTQ, SparseGPT and Wanda";
    info.data_format = "stream";
    info.requires_ = needs_next_token();
    info.params = window_params();
    info.metrics = {{kTag, "", -1,
                     "gptq@{window}: stream tokenised at once, windows without overlap, tail "
                     "dropped, first token of a window (or its prompt) not scored, exp of the "
                     "unweighted mean of "
                     "the windows' mean negative log-likelihoods",
                     "Perplexity of a token", Basis::kExpMean, "nll_per_token"}};
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const c10::InferenceMode guard;
    const ModelSpec& spec = context.model().spec();
    const PreparedStream stream =
        read_prepared_stream(context.data(), context.model().vocabulary());
    const Windows windows = make_windows(stream.tokens, spec, params);
    const auto scores = score_windows(windows, context, 1, [&](const WindowBatch& batch) {
      return mean_losses(context.model(), batch);
    });
    std::vector<double> means;
    std::vector<ItemScore> items;
    for (std::int64_t i = 0; i < windows.count(); ++i) {
      means.push_back(scores[static_cast<std::size_t>(i)].front());
      ItemScore item;
      item.item = i;
      item.item_hash = windows.hash(i);
      item.tokens = windows.targets();
      item.nll = finite_or_nothing(means.back() * static_cast<double>(windows.targets()));
      items.push_back(item);
    }
    context.emit_items(items);
    context.emit(exp_mean_metric(kTag, means));
  }
};

}  // namespace

void register_token_ppl(SuiteRegistry& registry) { registry.add(std::make_unique<TokenPpl>()); }

}  // namespace assay
