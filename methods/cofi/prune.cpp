#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/gates/gate_sizes.h"
#include "harness/gates/gated_model.h"
#include "harness/gates/hard_concrete.h"
#include "harness/model/slicing.h"
#include "harness/subnetwork/network_artefact.h"
#include "harness/train/generators.h"
#include "harness/train/item_batches.h"
#include "harness/train/loss_curve.h"
#include "harness/train/trained_model.h"
#include "harness/train/trainer.h"
#include "harness/train/training_forms.h"
#include "methods/cofi/distillation.h"
#include "methods/cofi/stages.h"

namespace assay::cofi {
namespace {

/// The released code takes no model that is further than this from its target.
constexpr double kNear = 0.01;

class Pruning {
 public:
  Pruning(const Model& model, FitContext& context, const Params& params)
      : context_(context),
        items_(context.training()),
        settings_(prune_settings(params, context.seed(), items_.count())),
        distillation_(distillation_settings(params)),
        trains_(trained_parameters(params)),
        freeze_(params.get_text("freeze")),
        teacher_(model),
        student_(model.clone()),
        shape_(gates::gate_shape(model.spec())),
        logits_(gates::start_logits(shape_, settings_.prune_width,
                                    at::make_generator<at::CPUGeneratorImpl>(context.seed()))),
        multipliers_(gates::start_multipliers()),
        transform_(start_transform(model.spec().width)) {
    require_items_for(model, items_);
    require_reachable();
    if (settings_.prune_width) require_width();
  }

  Artefact run() {
    TrainedModel trained(student_, {.trains = trains_, .weight_decay = settings_.weight_decay});
    TrainTask task;
    task.tensors = trained.tensors();
    add_gates(task);
    task.items = items_.count();
    task.accumulate = [this](const StepPart& part) { return step_gradients(part); };
    task.identity = identity();
    const TrainResult result = train(task, settings_.loop, hooks_of(context_));
    trained.finish();
    tell(result);
    return extracted();
  }

 private:
  void require_reachable() const {
    const gates::SparsityRange range = gates::reachable_sparsity(shape_, settings_.prune_width);
    const double wanted = settings_.target.target;
    if (wanted >= range.low - kNear && wanted <= range.high + kNear) return;
    throw DoesNotApply(
        fmt::format("sparsity {} is out of reach: gates of this model take it to {:.3f} at most "
                    "(and {:.3f} at least); choose one in between",
                    wanted, range.high, range.low));
  }

  /// Before anything is trained: blocks of another method may read all dimensions at once.
  void require_width() const {
    const std::int64_t width = teacher_.spec().width;
    try {
      Model tried = teacher_.share();
      scale_width(tried, at::ones({width}));
      keep_width(tried, at::arange(width, at::kLong));
    } catch (const DoesNotApply& error) {
      throw DoesNotApply(fmt::format("prune_width = true: {}", error.what()));
    }
  }

  [[nodiscard]] Json identity() const {
    return {{"what", "cofi"},
            {"model", teacher_.content_hash()},
            {"items", items_.content_hash()},
            {"target", settings_.target.target},
            {"target_warmup", settings_.target.warmup},
            {"prune_width", settings_.prune_width},
            {"gate_rate", settings_.gate_rate},
            {"freeze", freeze_},
            {"layer_weight", distillation_.layer_weight},
            {"label_weight", distillation_.label_weight},
            {"temperature", distillation_.temperature},
            {"alignment", static_cast<int>(distillation_.alignment)}};
  }

  /// Gates descend and multipliers climb at their own rate.
  void add_gates(TrainTask& task) {
    const double factor = settings_.gate_rate / settings_.loop.learning_rate;
    const auto add = [&](const char* name, const at::Tensor& tensor, double rate) {
      task.tensors.push_back({.name = name, .tensor = tensor, .rate_factor = rate});
    };
    add("gates.attention", logits_.attention, factor);
    add("gates.heads", logits_.heads, factor);
    add("gates.ffn", logits_.ffn, factor);
    add("gates.neurons", logits_.neurons, factor);
    if (settings_.prune_width) add("gates.width", logits_.width, factor);
    add("multiplier.linear", multipliers_.linear, -factor);
    add("multiplier.quadratic", multipliers_.quadratic, -factor);
    transform_.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
      tensor.requires_grad_(true);
      add(name == "weight" ? "transform.weight" : "transform.bias", tensor, 1);
    });
  }

  void clamp() {
    for (at::Tensor* tensor : logits_.all()) {
      if (tensor->defined()) gates::clamp_logits(*tensor);
    }
  }

  double step_gradients(const StepPart& part) {
    if (part.step > 0) clamp();  // after each step, as released: the first one starts beyond
    const PackedTokens packed = pack_items(items_, part.items, student_.device());
    const gates::GateSet drawn =
        gates::sampled(logits_, at::make_generator<at::CPUGeneratorImpl>(next_seed()));
    const subnetwork::SubNetwork network = gates::open_network(student_.spec(), drawn);
    const Model gated = gates::gated_model(student_, drawn, network);
    const at::Tensor sparsity =
        gates::expected_sparsity(shape_, gates::open_probabilities(logits_));
    const at::Tensor loss =
        distillation(pass_with_layers(gated, packed), taught(packed),
                     subnetwork::layer_numbers(network),
                     transform_of(transform_, network.dimensions), distillation_) +
        gates::lagrangian(sparsity, settings_.target.at_step(part.step), multipliers_);
    (loss * part.share).backward();
    return loss.item<double>();
  }

  [[nodiscard]] LayerPass taught(const PackedTokens& packed) const {
    const at::NoGradGuard no_grad;
    return pass_with_layers(teacher_, packed);
  }

  void tell(const TrainResult& result) {
    const at::NoGradGuard no_grad;
    clamp();
    const gates::GateSet open = gates::open_probabilities(logits_);
    tell_training(context_, result);
    context_.metric("prune/expected_sparsity",
                    gates::expected_sparsity(shape_, open).item<double>());
    context_.metric("prune/multiplier_linear", multipliers_.linear.item<double>());
    context_.metric("prune/multiplier_quadratic", multipliers_.quadratic.item<double>());
  }

  [[nodiscard]] Artefact extracted() {
    const gates::GateSet settled = gates::settled(logits_);
    const subnetwork::SubNetwork network = gates::open_network(student_.spec(), settled);
    tell_sizes(settled);
    Artefact artefact = subnetwork::to_artefact(teacher_.spec(), network);
    Model untrained = teacher_.clone();
    subnetwork::apply_network(untrained, artefact);
    const Model gated = gates::gated_model(student_, settled, network);
    for (auto& [name, tensor] : changed_parameters(untrained, gated)) {
      artefact.tensors[name] = tensor;
    }
    return artefact;
  }

  void remark_on_sparsity(double reported) const {
    if (std::abs(reported - settings_.target.target) <= kNear) return;
    context_.warn("sparsity_not_reached",
                  fmt::format("sparsity {:.3f} was wanted and {:.3f} is what the gates settled at: "
                              "prune for more steps (epochs, max_steps), or at another gate_rate",
                              settings_.target.target, reported));
  }

  void tell_sizes(const gates::GateSet& settled) const {
    const gates::KeptUnits kept = gates::kept_units(shape_, settled);
    const auto gone = [](std::int64_t left, std::int64_t all) {
      return 1 - static_cast<double>(left) / static_cast<double>(all);
    };
    const double reported =
        gone(gates::remaining_weights(shape_, kept), gates::prunable_parameters(shape_));
    context_.metric("prune/reported_sparsity", reported);
    remark_on_sparsity(reported);
    context_.metric("prune/removed_parameters", gone(gates::remaining_parameters(shape_, kept),
                                                     gates::exact_parameters(shape_)));
    if (settings_.prune_width) {
      context_.metric("prune/kept_dimensions", static_cast<double>(kept.width));
    }
    for (std::size_t l = 0; l < kept.heads.size(); ++l) {
      const std::string layer = "/layer." + std::to_string(l);
      context_.metric("prune/kept_heads" + layer, static_cast<double>(kept.heads[l]));
      context_.metric("prune/kept_neurons" + layer, static_cast<double>(kept.neurons[l]));
    }
  }

  FitContext& context_;
  const LabelledItems& items_;
  PruneSettings settings_;
  DistillationSettings distillation_;
  ParameterChoice trains_;
  std::string freeze_;
  const Model& teacher_;
  Model student_;
  gates::GateShape shape_;
  gates::GateSet logits_;
  gates::Multipliers multipliers_;
  DenseLinear transform_;
};

}  // namespace

Artefact prune(const Model& model, FitContext& context, const Params& params) {
  return Pruning(model, context, params).run();
}

}  // namespace assay::cofi
