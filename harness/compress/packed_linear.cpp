#include "harness/compress/packed_linear.h"

#include <ATen/ops/ne.h>
#include <fmt/format.h>

#include "harness/base/errors.h"
#include "harness/compress/quantize.h"
#include "harness/model/cost.h"
#include "harness/model/kernels/large_pages.h"

namespace assay {
namespace {

std::int64_t nonzero_weights(const PackedMatrix& matrix) {
  const at::Tensor zeros = matrix.zeros.repeat_interleave(matrix.group, 1);
  return at::ne(unpack_codes(matrix), zeros.narrow(1, 0, matrix.cols)).sum().item<std::int64_t>();
}

[[noreturn]] void contradicts(const std::string& name, const std::string& what) {
  throw UserError(fmt::format("packed matrix '{}' of this artefact {}; fit again", name, what));
}

at::Tensor stored(const std::map<std::string, at::Tensor>& tensors, const std::string& name,
                  const char* part, at::ScalarType dtype) {
  const auto found = tensors.find(name + part);
  if (found == tensors.end()) contradicts(name, fmt::format("lacks its tensor '{}'", part + 1));
  if (found->second.dim() != 2 || found->second.scalar_type() != dtype) {
    contradicts(name, fmt::format("has a tensor '{}' of a wrong kind", part + 1));
  }
  return found->second.contiguous();
}

std::int64_t planned(const Json& entry, const std::string& name, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_number_integer()) {
    contradicts(name, fmt::format("has no whole number '{}' in its plan", key));
  }
  return found->get<std::int64_t>();
}

/// Shapes are right when packing codes of that shape would give them.
void require_fit(const PackedMatrix& matrix, const std::string& name) {
  const bool bits = matrix.bits == 2 || matrix.bits == 3 || matrix.bits == 4 || matrix.bits == 8;
  if (!bits || matrix.rows <= 0 || matrix.cols <= 0 || matrix.group <= 0 ||
      matrix.group % kGroupMultiple != 0) {
    contradicts(name, "has a plan that says nothing possible");
  }
  const std::int64_t groups = (matrix.cols + matrix.group - 1) / matrix.group;
  const std::vector<std::int64_t> grid{matrix.rows, groups};
  if (matrix.scales.sizes() != grid || matrix.zeros.sizes() != grid ||
      matrix.codes.size(0) != matrix.rows ||
      matrix.bytes() != packed_bytes(matrix.rows, matrix.cols, {matrix.bits, matrix.group})) {
    contradicts(name, "has tensors of other sizes than its plan says");
  }
}

}  // namespace

PackedLinear::PackedLinear(PackedMatrix weight, at::Tensor bias)
    : weight_(std::move(weight)), bias_(std::move(bias)) {}

at::Tensor PackedLinear::forward(const at::Tensor& rows) const {
  return packed_product(rows, weight_, bias_);
}

Cost PackedLinear::cost() const {
  Cost cost;
  cost.params = weight_.rows * weight_.cols;
  cost.nonzero = nonzero_weights(weight_);
  cost.resident_bytes = weight_.bytes();
  cost.touched_bytes = weight_.bytes();
  cost += tensor_cost(bias_);
  cost.flops_per_token = 2 * weight_.rows * weight_.cols + (bias_.defined() ? bias_.numel() : 0);
  return cost;
}

DenseForm PackedLinear::dense_form() const {
  DenseForm form;
  form.tensors["weight"] = dequantise(weight_, at::kFloat);
  if (bias_.defined()) form.tensors["bias"] = bias_;
  form.remarks.insert(fmt::format("{}-bit weights in groups of {} columns, dequantised",
                                  weight_.bits, weight_.group));
  return form;
}

void PackedLinear::visit_tensors(const VisitTensor& visit) {
  visit("codes", weight_.codes);
  visit("scales", weight_.scales);
  visit("zeros", weight_.zeros);
  visit_if_defined(visit, "bias", bias_);
}

std::unique_ptr<Linear> PackedLinear::share() const {
  return std::make_unique<PackedLinear>(*this);
}

void store_packed(Json& plan, std::map<std::string, at::Tensor>& tensors, const std::string& name,
                  const PackedMatrix& matrix) {
  plan["packed"][name] = {
      {"rows", matrix.rows}, {"cols", matrix.cols}, {"bits", matrix.bits}, {"group", matrix.group}};
  tensors[name + ".codes"] = matrix.codes.cpu();
  tensors[name + ".scales"] = matrix.scales.cpu();
  tensors[name + ".zeros"] = matrix.zeros.cpu();
}

PackedMatrix load_packed(const Json& plan, const std::map<std::string, at::Tensor>& tensors,
                         const std::string& name) {
  const auto packed = plan.find("packed");
  const auto entry = packed == plan.end() ? Json::const_iterator{} : packed->find(name);
  if (packed == plan.end() || entry == packed->end()) contradicts(name, "is not in its plan");
  PackedMatrix matrix;
  matrix.rows = planned(*entry, name, "rows");
  matrix.cols = planned(*entry, name, "cols");
  matrix.bits = planned(*entry, name, "bits");
  matrix.group = planned(*entry, name, "group");
  matrix.codes = stored(tensors, name, ".codes", at::kByte);
  matrix.scales = stored(tensors, name, ".scales", at::kHalf);
  matrix.zeros = stored(tensors, name, ".zeros", at::kByte);
  require_fit(matrix, name);
  return matrix;
}

PackedMatrix on_device(PackedMatrix matrix, at::Device device) {
  // Every decoded token reads the codes once: on a CPU they stand on large pages, as dense weights
  // do.
  matrix.codes = copy_on_large_pages(matrix.codes).to(device);
  matrix.scales = matrix.scales.to(device).clone();  // not the artefact's own
  matrix.zeros = matrix.zeros.to(device);
  return matrix;
}

}  // namespace assay
