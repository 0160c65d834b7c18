// The class that an encoder with a classifier gives to a text.

#include <ATen/ops/argmax.h>
#include <ATen/ops/isfinite.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <memory>

#include "harness/suite/class_scores.h"
#include "harness/suite/confusion.h"
#include "harness/suite/model_needs.h"
#include "harness/suite/score_metrics.h"

namespace assay {
namespace {

constexpr const char* kAccuracy = "acc";
constexpr const char* kF1 = "f1";
constexpr const char* kMacroF1 = "macro_f1";
constexpr const char* kMatthews = "matthews";
/// Values of an item; the statistics' have their names.
constexpr const char* kMargin = "margin";

MetricDef statistic(const char* tag, const std::string& what, const std::string& help) {
  return {tag,  "",
          1,    "GLUE, texts cut to {max_tokens} tokens, first {limit} items (0: all): " + what,
          help, Basis::kShare,
          tag};
}

/// How much more likely the right class is than the likeliest other one, as the difference of their
/// log-probabilities.
double margin_of(const at::Tensor& scores, std::int64_t gold) {
  at::Tensor others = scores.clone();
  others[gold].fill_(-std::numeric_limits<double>::infinity());
  return scores[gold].item<double>() - others.max().item<double>();
}

class Classification final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    SuiteKindInfo info;
    info.name = "classification";
    info.summary = "Accuracy, F1 and Matthews' correlation in giving texts their classes";
    info.data_format = "labelled";
    info.requires_ = needs_classifier();
    info.params = labelled_params();
    info.metrics = {
        statistic(kAccuracy, "share of items whose class is the likeliest",
                  "Share of texts given their right class"),
        statistic(kF1, "of class 1, which is the positive one of two",
                  "Harmonic mean of precision and recall of the positive class"),
        statistic(kMacroF1, "mean of the F1 of more than two classes",
                  "Mean over the classes of the harmonic mean of precision and recall"),
        statistic(kMatthews, "of more than two classes in Gorodkin's form",
                  "Correlation of the right and the given class"),
    };
    info.metrics.front().item_value = "correct";
    return info;
  }

  void run(SuiteContext& context, const Params& params) const override {
    const c10::InferenceMode guard;
    const LabelledItems items = labelled_items_for(context, params);
    const at::Tensor scores =
        class_log_probs(context.model(), items, params.get_int("batch_tokens"), context.score_log(),
                        [&](std::int64_t done) { context.progress(done, items.count(), "items"); });
    report(context, items, scores);
  }

 private:
  struct Statistic {
    std::string tag;
    std::vector<double> values;  ///< one an item
  };

  /// Those that are reported for so many classes, beside the accuracy.
  static std::vector<Statistic> statistics(const std::vector<ChosenClass>& chosen,
                                           std::int64_t classes) {
    std::vector<Statistic> all = {{kMatthews, matthews_values(chosen, classes)}};
    if (classes == 2) {
      all.push_back({kF1, f1_values(chosen, 1)});
    } else {
      all.push_back({kMacroF1, macro_f1_values(chosen, classes)});
    }
    return all;
  }

  static void report(SuiteContext& context, const LabelledItems& items, const at::Tensor& scores) {
    const bool finite = at::isfinite(scores).all().item<bool>();
    std::vector<ChosenClass> chosen;
    std::vector<ItemScore> rows;
    for (std::int64_t i = 0; i < items.count(); ++i) {
      chosen.push_back(
          {items.labels[static_cast<std::size_t>(i)], scores[i].argmax().item<std::int64_t>()});
      rows.push_back(row(items, i, scores[i], chosen.back()));
    }
    const std::vector<Statistic> all = statistics(chosen, scores.size(1));
    for (const Statistic& one : all) {
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i].values[one.tag] = one.values[i];
    }
    context.emit_items(rows);
    context.emit(accuracy(chosen, finite));
    for (const Statistic& one : all) {
      context.emit(finite ? mean_metric(one.tag, one.values)
                          : broken_metric(one.tag, items.count()));
    }
  }

  static MetricValue accuracy(const std::vector<ChosenClass>& chosen, bool finite) {
    const auto total = std::ssize(chosen);
    const auto hits = std::ranges::count_if(
        chosen, [](const ChosenClass& item) { return item.gold == item.chosen; });
    return finite ? proportion_metric(kAccuracy, hits, total) : broken_metric(kAccuracy, total);
  }

  static ItemScore row(const LabelledItems& items, std::int64_t index, const at::Tensor& scores,
                       const ChosenClass& item) {
    ItemScore row;
    row.item = index;
    row.item_hash = items.hashes[static_cast<std::size_t>(index)];
    row.correct = item.gold == item.chosen;
    row.score = static_cast<double>(item.chosen);
    row.nll = finite_or_nothing(-scores[item.gold].item<double>());
    row.tokens = items.length(index);
    const double margin = margin_of(scores, item.gold);
    if (std::isfinite(margin)) row.values[kMargin] = margin;
    return row;
  }
};

}  // namespace

void register_classification_suite(SuiteRegistry& registry) {
  registry.add(std::make_unique<Classification>());
}

}  // namespace assay
