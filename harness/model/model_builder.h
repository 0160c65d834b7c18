#pragma once
// Makes a Model out of a shape and whatever fills its parameters.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/model/dense_linear.h"
#include "harness/model/model.h"
#include "harness/model/standard_ffn.h"

namespace assay {

/// Fill the parameters, then build once.
class ModelBuilder {
 public:
  ModelBuilder(const ModelSpec& spec, at::ScalarType dtype, at::Device device);
  void fill(const Checkpoint& checkpoint);
  void fill_at_random(std::uint64_t seed);
  /// Tensors by the names of parameters. Throws UserError when one is missing or has another shape.
  void fill(const std::map<std::string, at::Tensor>& tensors);
  /// folder: whose tokenizer names the tokens
  [[nodiscard]] Model build(const std::filesystem::path& folder,
                            std::vector<ModelWarning> warnings) const;

 private:
  void allocate_side_by_side(const std::vector<ParameterShape>& group);
  [[nodiscard]] at::Tensor get(const ParameterId& id) const;
  void copy(const Checkpoint& checkpoint, const Binding& binding);
  [[nodiscard]] NormBlock norm(std::int64_t layer, Slot slot) const;
  [[nodiscard]] DenseLinear dense(std::int64_t layer, const SlotPlace& place) const;
  [[nodiscard]] std::optional<DenseLinear> dense_if_there(std::int64_t layer,
                                                          const SlotPlace& place) const;
  [[nodiscard]] std::unique_ptr<Attention> attention(std::int64_t index) const;
  [[nodiscard]] std::unique_ptr<Ffn> ffn(std::int64_t index) const;
  /// That of the layer (-1), or of one of its experts.
  [[nodiscard]] std::unique_ptr<StandardFfn> plain_ffn(std::int64_t index,
                                                       std::int64_t expert) const;
  /// As the rows that it multiplies can have it.
  [[nodiscard]] double embedding_scale() const;
  [[nodiscard]] std::unique_ptr<Input> input() const;
  [[nodiscard]] std::unique_ptr<Output> output() const;

  ModelSpec spec_;
  at::ScalarType dtype_;
  at::Device device_;
  std::map<ParameterId, at::Tensor> tensors_;
};

/// A model of another shape in the place of `like`: its dtype, device, tokenizer and warnings, with
/// all parameters out of `tensors`, by name.
Model rebuilt(const Model& like, const ModelSpec& spec,
              const std::map<std::string, at::Tensor>& tensors);

}  // namespace assay
