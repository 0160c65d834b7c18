#include "harness/contextual/predictor_artefact.h"

#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/base/errors.h"
#include "harness/compress/packed_linear.h"
#include "harness/model/dense_linear.h"
#include "harness/model/kernels/large_pages.h"

namespace assay {
namespace {

[[noreturn]] void contradicts(const std::string& name, const std::string& what) {
  throw UserError(fmt::format("predictor '{}' of this artefact {}; fit again", name, what));
}

const PackedLinear* as_packed(const Linear& layer) {
  return dynamic_cast<const PackedLinear*>(&layer);
}

std::int64_t bits_of(const Linear& layer) {
  if (const PackedLinear* packed = as_packed(layer)) return packed->weight().bits;
  const auto* dense = dynamic_cast<const DenseLinear*>(&layer);
  if (dense == nullptr) throw std::logic_error("a predictor's layer that no artefact can hold");
  return dense->weight().scalar_type() == at::kBFloat16 ? 16 : 32;
}

void store_layer(Artefact& artefact, const std::string& name, const Linear& layer) {
  const PackedLinear* packed = as_packed(layer);
  if (packed != nullptr) {
    store_packed(artefact.plan, artefact.tensors, name, packed->weight());
  }
  // Looks only; visiting is not const because a visitor may replace what it is shown.
  const_cast<Linear&>(layer).visit_tensors([&](const std::string& part, at::Tensor& tensor) {
    if (packed == nullptr || part == "bias") {
      artefact.tensors[name + "." + part] = tensor.detach().cpu().contiguous();
    }
  });
}

/// What the plan says of a predictor.
class PlannedPredictor {
 public:
  PlannedPredictor(const Json& plan, std::string name) : name_(std::move(name)) {
    const auto all = plan.find("predictors");
    if (all == plan.end() || !all->is_object() || !all->contains(name_)) {
      contradicts(name_, "is not in its plan");
    }
    entry_ = all->at(name_);
  }
  [[nodiscard]] std::int64_t number(const char* key) const {
    return field(key, [](const Json& v) { return v.is_number_integer(); }).get<std::int64_t>();
  }
  [[nodiscard]] PredictorForm form() const {
    return {.inputs = number("inputs"),
            .rank = number("rank"),
            .outputs = number("outputs"),
            .middle = middle(),
            .biases = flag("biases"),
            .scaled_inputs = flag("scaled_inputs")};
  }

 private:
  template <typename Fits>
  [[nodiscard]] const Json& field(const char* key, Fits fits) const {
    const auto found = entry_.find(key);
    if (found == entry_.end() || !fits(*found)) {
      contradicts(name_, fmt::format("has no usable '{}' in its plan", key));
    }
    return *found;
  }
  [[nodiscard]] bool flag(const char* key) const {
    return field(key, [](const Json& v) { return v.is_boolean(); }).get<bool>();
  }
  [[nodiscard]] PredictorMiddle middle() const {
    const Json& said = field("middle", [](const Json& v) { return v == "none" || v == "relu"; });
    return said == "relu" ? PredictorMiddle::kRelu : PredictorMiddle::kNone;
  }

  std::string name_;
  Json entry_;
};

struct LayerPlan {
  std::string predictor, part;  ///< "predictor.heads", "first"
  std::int64_t in = 0, out = 0, bits = 32;
  bool bias = false;
  [[nodiscard]] std::string name() const { return predictor + "." + part; }
};

at::Tensor stored(const Artefact& artefact, const LayerPlan& plan, const char* part,
                  std::vector<std::int64_t> shape, at::ScalarType dtype) {
  const auto found = artefact.tensors.find(plan.name() + "." + part);
  if (found == artefact.tensors.end()) {
    contradicts(plan.predictor, fmt::format("lacks its tensor '{}.{}'", plan.part, part));
  }
  if (found->second.sizes() != at::IntArrayRef(shape) || found->second.scalar_type() != dtype) {
    contradicts(plan.predictor, fmt::format("has a tensor '{}.{}' of another shape or type than "
                                            "its plan says",
                                            plan.part, part));
  }
  return found->second;
}

/// A copy there: the artefact keeps its own.
at::Tensor placed(const at::Tensor& tensor, at::Device device) {
  return copy_on_large_pages(tensor).to(device);
}

std::unique_ptr<Linear> load_layer(const Artefact& artefact, const LayerPlan& plan,
                                   at::Device device) {
  const auto dtype = plan.bits == 16 ? at::kBFloat16 : at::kFloat;
  at::Tensor bias;
  if (plan.bias) bias = placed(stored(artefact, plan, "bias", {plan.out}, dtype), device);
  if (plan.bits >= 16) {
    const at::Tensor weight = stored(artefact, plan, "weight", {plan.out, plan.in}, dtype);
    return std::make_unique<DenseLinear>(placed(weight, device), bias);
  }
  PackedMatrix matrix = load_packed(artefact.plan, artefact.tensors, plan.name());
  if (matrix.rows != plan.out || matrix.cols != plan.in || matrix.bits != plan.bits) {
    contradicts(plan.predictor, fmt::format("has a packed matrix '{}' of other sizes than its plan "
                                            "says",
                                            plan.part));
  }
  return std::make_unique<PackedLinear>(on_device(std::move(matrix), device), bias);
}

std::int64_t planned_bits(const PlannedPredictor& planned, const std::string& name) {
  const std::int64_t bits = planned.number("bits");
  if (bits == 32 || bits == 16 || bits == 8 || bits == 4) return bits;
  contradicts(name, fmt::format("is said to have {} bits a weight", bits));
}

}  // namespace

void store_predictor(Artefact& artefact, const std::string& name, const Predictor& predictor) {
  const std::int64_t bits = bits_of(predictor.first());
  if (bits_of(predictor.second()) != bits) {
    throw std::logic_error("the layers of a predictor are stored in the same way");
  }
  Json entry = to_json(predictor.form());
  entry["bits"] = bits;
  artefact.plan["predictors"][name] = std::move(entry);
  store_layer(artefact, name + ".first", predictor.first());
  store_layer(artefact, name + ".second", predictor.second());
}

bool has_predictor(const Artefact& artefact, const std::string& name) {
  const auto all = artefact.plan.find("predictors");
  return all != artefact.plan.end() && all->contains(name);
}

void settle_predictor(Artefact& artefact, const Artefact& trained, const std::string& name,
                      std::int64_t bits) {
  store_predictor(artefact, name,
                  stored_as(load_predictor(trained, name, at::kCPU), {.bits = bits}));
}

Predictor load_predictor(const Artefact& artefact, const std::string& name, at::Device device) {
  const PlannedPredictor planned(artefact.plan, name);
  const PredictorForm form = planned.form();
  const std::int64_t bits = planned_bits(planned, name);
  LayerPlan first{name, "first", form.inputs, form.rank, bits, form.biases};
  LayerPlan second{name, "second", form.rank, form.outputs, bits, form.biases};
  return {form, load_layer(artefact, first, device), load_layer(artefact, second, device)};
}

}  // namespace assay
