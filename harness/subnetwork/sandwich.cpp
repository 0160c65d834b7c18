#include "harness/subnetwork/sandwich.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "harness/subnetwork/extract.h"
#include "harness/train/lora.h"
#include "harness/train/losses.h"

namespace assay::subnetwork {
namespace {

/// The full network's scores of rows, without a graph.
struct Teacher {
  const Model* model = nullptr;
  at::Tensor rows;
  [[nodiscard]] at::Tensor scores(std::int64_t begin, std::int64_t count) const {
    const at::NoGradGuard guard;
    return model->logits(rows.narrow(0, begin, count)).to(at::kFloat);
  }
};

/// Losses of one network, a part of the rows at a time.
class Scored {
 public:
  Scored(const Model& model, OutputRows output, const Distillation& weights, double scale)
      : model_(model), output_(std::move(output)), weights_(weights), scale_(scale) {}

  /// Adds the gradients; `teacher` may be null where nothing is distilled.
  SubLoss backward(const Teacher* teacher, std::int64_t at_once) {
    at::Tensor leaf = output_.rows.detach();
    leaf.requires_grad_(true);
    for (std::int64_t begin = 0; begin < leaf.size(0); begin += at_once) {
      add_part(leaf, begin, std::min(at_once, leaf.size(0) - begin), teacher);
    }
    output_.rows.backward(leaf.grad());
    result_.loss = weights_.label_weight * result_.ce + weights_.distill_weight * result_.kd;
    return result_;
  }

 private:
  void add_part(const at::Tensor& leaf, std::int64_t begin, std::int64_t count,
                const Teacher* teacher) {
    const double share = static_cast<double>(count) / static_cast<double>(leaf.size(0));
    const at::Tensor scores = model_.logits(leaf.narrow(0, begin, count)).to(at::kFloat);
    const at::Tensor ce = cross_entropy(scores, output_.targets.narrow(0, begin, count));
    result_.ce += share * ce.item<double>();
    at::Tensor loss = ce.mul(weights_.label_weight);
    if (teacher != nullptr && weights_.distill_weight != 0) {
      const at::Tensor kd =
          distillation_loss(scores, teacher->scores(begin, count), weights_.temperature);
      result_.kd += share * kd.item<double>();
      loss = loss.add(kd, weights_.distill_weight);
    }
    // What the output's own tensors were cut from is differentiated once a part.
    loss.mul(scale_ * share).backward({}, /*retain_graph=*/true);
  }

  const Model& model_;
  OutputRows output_;
  const Distillation& weights_;
  double scale_;
  SubLoss result_;
};

}  // namespace

Model shared_part(const Model& super, const SubNetwork& part) {
  Model model = super.share();
  compose_lora(model);
  extract(model, part);
  return model;
}

StepLosses add_step_gradients(const Model& super, const Material& material,
                              std::span<const std::int64_t> items,
                              std::span<const SubNetwork> parts, const Distillation& distillation,
                              FullNetwork full, double share, std::int64_t scored_rows) {
  const bool trains_full = full == FullNetwork::kTrained;
  const double count = static_cast<double>(parts.size()) + (trains_full ? 1 : 0);
  const Distillation labels_only{.label_weight = 1, .distill_weight = 0};
  const Model whole = shared_part(super, whole_network(super.spec()));
  const at::AutoGradMode recorded(true);
  StepLosses losses;
  Teacher teacher{&whole, {}};
  if (trains_full) {
    OutputRows output = material.run(whole, items);
    teacher.rows = output.rows.detach();
    losses.full = Scored(whole, std::move(output), labels_only, share / count)
                      .backward(nullptr, scored_rows)
                      .ce;
  } else if (distillation.distill_weight != 0) {
    const at::NoGradGuard guard;
    teacher.rows = material.run(whole, items).rows;
  }
  double sum = losses.full;
  for (const SubNetwork& part : parts) {
    const Model model = shared_part(super, part);
    Scored scored(model, material.run(model, items), distillation, share / count);
    losses.parts.push_back(scored.backward(&teacher, scored_rows));
    sum += losses.parts.back().loss;
  }
  losses.mean = sum / count;
  return losses;
}

}  // namespace assay::subnetwork
