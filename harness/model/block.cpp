#include "harness/model/block.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <c10/util/Type.h>

#include <typeinfo>

#include "harness/model/kernels/large_pages.h"

namespace assay {

void DenseForm::add(const std::string& prefix, const DenseForm& part) {
  for (const auto& [name, tensor] : part.tensors) tensors[prefix + name] = tensor;
  remarks.insert(part.remarks.begin(), part.remarks.end());
  if (impossible.empty()) impossible = part.impossible;
}

DenseForm Block::dense_form() const {
  DenseForm form;
  form.impossible = "a block of type " + c10::demangle(typeid(*this).name());
  return form;
}

DenseForm plain_form(const Block& block) {
  DenseForm form;
  // Looks only; visiting is not const because a visitor may replace what it is shown.
  const_cast<Block&>(block).visit_tensors(
      [&](const std::string& name, at::Tensor& tensor) { form.tensors[name] = tensor; });
  return form;
}

void visit_if_defined(const VisitTensor& visit, const std::string& name, at::Tensor& tensor) {
  if (tensor.defined()) visit(name, tensor);
}

VisitTensor visit_part(const VisitTensor& visit, const std::string& prefix) {
  return [visit, prefix](const std::string& name, at::Tensor& tensor) {
    visit(prefix + name, tensor);
  };
}

at::Tensor TensorCopies::operator()(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return tensor.clone();
  const at::Tensor plain = tensor.detach();
  const auto elements =
      static_cast<std::int64_t>(plain.storage().nbytes() / plain.dtype().itemsize());
  const auto [place, fresh] = storages_.try_emplace(plain.storage().data());
  if (fresh) {
    place->second = empty_on_large_pages({elements}, plain.options());
    place->second.copy_(at::as_strided(plain, {elements}, {1}, 0));
  }
  return at::as_strided(place->second, plain.sizes(), plain.strides(), plain.storage_offset());
}

}  // namespace assay
