// Methods that break one rule each, for tests of the harness.

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "harness/method/masks.h"
#include "harness/method/method.h"
#include "harness/method/sparsity.h"
#include "harness/model/wrapped.h"

namespace assay {
namespace {

constexpr const char* kTensor = "layer.0.down.weight";

/// Whatever it does, it does by these; both leave the model as it is where they are null.
struct Fault {
  const char* name;
  Artefact (*fit)(const Model&, FitContext&, const Params&) = nullptr;
  void (*apply)(Model&, const Artefact&) = nullptr;
};

Artefact prune_last_layer(const Model& model, FitContext& context, const Params& params) {
  PrunedWeights pruned(context);
  const std::int64_t last = model.layer_count() - 1;
  const Layer layer = model.layers()[last].clone();
  for (const Slot slot : layer.slots()) {
    const at::Tensor weight = layer.dense(slot).weight();
    pruned.prune(last, slot, weight,
                 keep_by_target(weight.abs(), sparsity_target(params), Scope::kRow));
  }
  return pruned.finish();
}

Artefact write_elsewhere(const Model&, FitContext&, const Params&) {
  std::ofstream("left_behind.txt") << "here\n";
  return {};
}

/// Rows alone are computed otherwise than rows among many.
class BatchedFfn final : public WrappedFfn {
 public:
  explicit BatchedFfn(std::unique_ptr<Ffn> inner) : WrappedFfn(std::move(inner)) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    const at::Tensor out = inner().forward(rows, step);
    return rows.size(0) > kMany ? out * 1.5 : out;
  }
  std::unique_ptr<Ffn> wrap(std::unique_ptr<Ffn> inner) const override {
    return std::make_unique<BatchedFfn>(std::move(inner));
  }

 private:
  static constexpr std::int64_t kMany = 24;
};

void compute_by_batch(Model& model, const Artefact&) {
  for (Layer& layer : model.layers())
    layer.ffn = std::make_unique<BatchedFfn>(std::move(layer.ffn));
}

Artefact draw_without_seed(const Model&, FitContext&, const Params&) {
  Artefact artefact;
  artefact.plan["number"] = std::random_device()();
  return artefact;
}

Artefact make_nan(const Model& model, FitContext&, const Params&) {
  Artefact artefact;
  for (const Parameter& parameter : model.parameters()) {
    if (parameter.name != kTensor) continue;
    artefact.tensors[kTensor] =
        at::full(parameter.tensor.sizes(), std::numeric_limits<double>::quiet_NaN());
  }
  return artefact;
}

Artefact sleep_for_ever(const Model&, FitContext&, const Params&) {
  while (true) ::pause();
}

Artefact allocate_without_end(const Model&, FitContext&, const Params&) {
  std::vector<at::Tensor> kept;
  while (true) kept.push_back(at::zeros({1 << 24}));
}

Artefact write_through_null(const Model&, FitContext&, const Params&) {
  volatile int* nowhere = nullptr;
  *nowhere = 1;
  return {};
}

Artefact print_100_mb(const Model&, FitContext&, const Params&) {
  const std::string line(1023, 'x');
  for (int i = 0; i < 100 * 1024; ++i) std::cout << line << '\n';
  std::cout.flush();
  return {};
}

/// The child keeps all pipes of the worker open.
Artefact fork_and_exit(const Model&, FitContext&, const Params&) {
  if (::fork() != 0) ::_exit(0);
  while (true) ::pause();
}

constexpr Fault kFaults[] = {{"broken_last_layer", prune_last_layer, apply_pruned_weights},
                             {"broken_outside", write_elsewhere},
                             {"broken_batch", nullptr, compute_by_batch},
                             {"broken_random_fit", draw_without_seed},
                             {"broken_nan", make_nan, apply_pruned_weights},
                             {"broken_sleeps", sleep_for_ever},
                             {"broken_allocates", allocate_without_end},
                             {"broken_segfault", write_through_null},
                             {"broken_prints", print_100_mb},
                             {"broken_forks", fork_and_exit}};

class Broken final : public Method {
 public:
  explicit Broken(const Fault& fault) : fault_(fault) {}
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = fault_.name;
    info.summary = "For tests: breaks one rule";
    if (fault_.fit == prune_last_layer) info.params = sparsity_params();
    return info;
  }
  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    if (fault_.fit == nullptr) return {};
    Artefact artefact = fault_.fit(model, context, params);
    // What was asked for, whatever there is.
    if (fault_.fit == prune_last_layer) context.metric("achieved_sparsity", 0.5);
    return artefact;
  }
  void apply(Model& model, const Artefact& artefact) const override {
    if (fault_.apply != nullptr) fault_.apply(model, artefact);
  }

 private:
  const Fault& fault_;
};

void add_fault(MethodRegistry& registry, const std::string& name) {
  for (const Fault& fault : kFaults) {
    if (fault.name == name) registry.add(std::make_unique<Broken>(fault));
  }
}

}  // namespace

void register_broken_last_layer(MethodRegistry& registry) {
  add_fault(registry, "broken_last_layer");
}
void register_broken_outside(MethodRegistry& registry) { add_fault(registry, "broken_outside"); }
void register_broken_batch(MethodRegistry& registry) { add_fault(registry, "broken_batch"); }
void register_broken_random_fit(MethodRegistry& registry) {
  add_fault(registry, "broken_random_fit");
}
void register_broken_nan(MethodRegistry& registry) { add_fault(registry, "broken_nan"); }
void register_broken_sleeps(MethodRegistry& registry) { add_fault(registry, "broken_sleeps"); }
void register_broken_allocates(MethodRegistry& registry) {
  add_fault(registry, "broken_allocates");
}
void register_broken_segfault(MethodRegistry& registry) { add_fault(registry, "broken_segfault"); }
void register_broken_prints(MethodRegistry& registry) { add_fault(registry, "broken_prints"); }
void register_broken_forks(MethodRegistry& registry) { add_fault(registry, "broken_forks"); }

}  // namespace assay
