// How far a compressed classifier's distributions are from those of its dense twin.

#include <ATen/ops/exp.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sub.h>
#include <ATen/ops/sum.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <memory>

#include "harness/base/cell_errors.h"
#include "harness/suite/class_scores.h"
#include "harness/suite/model_needs.h"
#include "harness/suite/score_metrics.h"

namespace assay {
namespace {

constexpr const char* kDivergence = "kl";
constexpr const char* kAgreement = "top1_agreement";

void require_classifying_twin(const Model& model, const Model& twin) {
  const ModelSpec& spec = twin.spec();
  if (spec.output == OutputKind::kClassifier && spec.classes == model.spec().classes) return;
  throw DoesNotApply(fmt::format(
      "the dense model has {}, and the method gave it a classifier of {} classes: there is nothing "
      "to compare it with; name a model that was fine-tuned before it was compressed",
      spec.output == OutputKind::kClassifier ? fmt::format("{} classes", spec.classes)
                                             : "no classifier",
      model.spec().classes));
}

class ClassificationKl final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    const std::string items = "texts of the classification suites, against the dense model; ";
    SuiteKindInfo info;
    info.name = "classification_kl";
    info.summary = "Divergence of the distributions over classes from those of the dense model";
    info.data_format = "labelled";
    info.requires_ = needs_classifier();
    info.params = labelled_params();
    info.metrics = {
        {kDivergence, "nats", -1, items + "KL(dense || compressed), mean over items",
         "Divergence of a text's distribution over classes", Basis::kMean, "kld"},
        {kAgreement, "", 1, items + "share of texts with the same likeliest class",
         "Share of texts to which both models give the same class", Basis::kShare, kAgreement},
    };
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const c10::InferenceMode guard;
    const LabelledItems items = labelled_items_for(context, params);
    require_classifying_twin(context.model(), context.dense_twin());
    std::int64_t before = 0;
    const auto scores = [&](const Model& model) {
      const at::Tensor all = class_log_probs(
          model, items, params.get_int("batch_tokens"), context.score_log(),
          [&](std::int64_t done) { context.progress(before + done, 2 * items.count(), "items"); });
      before += items.count();
      return all;
    };
    const at::Tensor dense = scores(context.dense_twin());
    report(context, items, dense, scores(context.model()));
  }

 private:
  static void report(SuiteContext& context, const LabelledItems& items, const at::Tensor& p,
                     const at::Tensor& q) {
    const at::Tensor kl = p.exp().mul(p.sub(q)).sum(1);
    const at::Tensor same = p.argmax(1).eq(q.argmax(1));
    std::vector<double> divergence, agreement;
    std::vector<ItemScore> rows;
    for (std::int64_t i = 0; i < items.count(); ++i) {
      const auto index = static_cast<std::size_t>(i);
      divergence.push_back(kl[i].item<double>());
      agreement.push_back(same[i].item<bool>() ? 1 : 0);
      ItemScore row;
      row.item = i;
      row.item_hash = items.hashes[index];
      row.tokens = items.length(i);
      row.nll = finite_or_nothing(-q[i][items.labels[index]].item<double>());
      row.kld = finite_or_nothing(divergence.back());
      row.values = {{kAgreement, agreement.back()}};
      rows.push_back(row);
    }
    context.emit_items(rows);
    context.emit(mean_metric(kDivergence, divergence));
    context.emit(mean_metric(kAgreement, agreement));
  }
};

}  // namespace

void register_classification_kl_suite(SuiteRegistry& registry) {
  registry.add(std::make_unique<ClassificationKl>());
}

}  // namespace assay
