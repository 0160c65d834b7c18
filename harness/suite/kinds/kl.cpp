// How far a compressed model's next-token distributions are from those of its dense twin.

#include <ATen/ops/argmax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <c10/core/InferenceMode.h>

#include <memory>

#include "harness/suite/model_needs.h"
#include "harness/suite/prepared.h"
#include "harness/suite/score_metrics.h"
#include "harness/suite/token_scores.h"
#include "harness/suite/windows.h"

namespace assay {
namespace {

constexpr const char* kDivergence = "kl";
constexpr const char* kAgreement = "top1_agreement";
constexpr const char* kRatio = "ppl_ratio";
/// Values of a window, by which its metrics are compared.
constexpr const char* kWindowAgreement = "top1_agreement";
constexpr const char* kWindowGrowth = "nll_growth";

/// One value a target, f64 on the CPU.
struct Comparison {
  at::Tensor divergence, agree, dense_nll, nll;
  explicit Comparison(std::int64_t rows)
      : divergence(at::empty({rows}, at::kDouble)),
        agree(at::empty({rows}, at::kDouble)),
        dense_nll(at::empty({rows}, at::kDouble)),
        nll(at::empty({rows}, at::kDouble)) {}
};

at::Tensor log_softmax_rows(const Model& model, const at::Tensor& hidden) {
  return at::log_softmax(model.logits(hidden), 1, at::kFloat);
}

Comparison compare(const Model& dense, const Model& model, const WindowBatch& batch) {
  const at::Tensor dense_rows = predicting_rows(dense, batch);
  const at::Tensor rows = predicting_rows(model, batch);
  Comparison result(rows.size(0));
  for_each_log_softmax(model, rows, [&](std::int64_t begin, const at::Tensor& q) {
    const std::int64_t count = q.size(0);
    const at::Tensor p = log_softmax_rows(dense, dense_rows.narrow(0, begin, count));
    const at::Tensor targets = batch.targets.narrow(0, begin, count).unsqueeze(1);
    const auto put = [&](at::Tensor& whole, const at::Tensor& values) {
      whole.narrow(0, begin, count).copy_(values);
    };
    put(result.divergence, p.exp().mul_(p.sub(q)).sum(1, false, at::kDouble));
    put(result.agree, p.argmax(1).eq(q.argmax(1)));
    put(result.dense_nll, p.gather(1, targets).squeeze(1).neg());
    put(result.nll, q.gather(1, targets).squeeze(1).neg());
  });
  return result;
}

/// Numbers of a window, in this order: divergence, agreement, loss, loss of the dense model.
constexpr std::size_t kNumbers = 4;

/// Means over the targets of each window.
std::vector<double> means(const Comparison& all, std::int64_t windows) {
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < windows; ++i) {
    for (const at::Tensor& values : {all.divergence, all.agree, all.nll, all.dense_nll}) {
      const at::Tensor of_window = values.view({windows, -1})[i];
      numbers.push_back(of_window.sum().item<double>() / static_cast<double>(of_window.size(0)));
    }
  }
  return numbers;
}

class Kl final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    const std::string windows =
        "kl@{window}: the windows and positions of token_ppl, against the dense model; ";
    SuiteKindInfo info;
    info.name = "kl";
    info.summary = "Divergence of the next-token distributions from those of the dense model";
    info.data_format = "stream";
    info.requires_ = needs_next_token();
    info.params = window_params();
    info.metrics = {
        {kDivergence, "nats", -1, windows + "KL(dense || compressed), mean of the windows' means",
         "Divergence of a token's distribution", Basis::kMean, "kld"},
        {kAgreement, "", 1, windows + "share of positions with the same most likely token",
         "Share of positions where both models choose the same token", Basis::kShare,
         kWindowAgreement},
        {kRatio, "", -1, windows + "perplexity over the dense model's perplexity",
         "How much the perplexity grew", Basis::kExpMean, kWindowGrowth},
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const c10::InferenceMode guard;
    const ModelSpec& spec = context.model().spec();
    const PreparedStream stream =
        read_prepared_stream(context.data(), context.model().vocabulary());
    const Windows windows = make_windows(stream.tokens, spec, params);
    const auto scores = score_windows(windows, context, kNumbers, [&](const WindowBatch& batch) {
      return means(compare(context.dense_twin(), context.model(), batch), batch.count);
    });
    std::vector<double> divergence, agreement, growth;
    std::vector<ItemScore> items;
    for (std::int64_t i = 0; i < windows.count(); ++i) {
      const std::vector<double>& of_window = scores[static_cast<std::size_t>(i)];
      divergence.push_back(of_window[0]);
      agreement.push_back(of_window[1]);
      growth.push_back(of_window[2] - of_window[3]);
      ItemScore item;
      item.item = i;
      item.item_hash = windows.hash(i);
      item.tokens = windows.targets();
      item.kld = finite_or_nothing(divergence.back());
      item.nll = finite_or_nothing(of_window[2] * static_cast<double>(windows.targets()));
      item.values = {{kWindowAgreement, agreement.back()}, {kWindowGrowth, growth.back()}};
      items.push_back(item);
    }
    context.emit_items(items);
    context.emit(mean_metric(kDivergence, divergence));
    context.emit(mean_metric(kAgreement, agreement));
    context.emit(exp_mean_metric(kRatio, growth));
  }
};

}  // namespace

void register_kl(SuiteRegistry& registry) { registry.add(std::make_unique<Kl>()); }

}  // namespace assay
