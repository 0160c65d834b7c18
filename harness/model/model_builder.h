#pragma once
// Makes a Model out of a checkpoint, or out of its shape alone.

#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/model/model.h"

namespace assay {

class ModelBuilder {
 public:
  ModelBuilder(const Checkpoint& checkpoint, const LoadOptions& options);
  [[nodiscard]] Model build();

 private:
  /// Allocated tensors that bindings or random numbers fill; undefined where the spec has none.
  struct Parameter {
    at::Tensor weight, bias;
  };
  struct LayerParameters {
    Parameter attention_norm, ffn_norm, qkv, out, first, down;
  };

  [[nodiscard]] at::Tensor allocate(Slot slot, bool bias, std::int64_t times = 1) const;
  [[nodiscard]] Parameter parameter(Slot slot, bool bias, std::int64_t times = 1) const;
  [[nodiscard]] Parameter norm(bool used) const;
  void allocate_all();
  [[nodiscard]] Parameter& owner(Slot slot, std::int64_t layer);
  [[nodiscard]] at::Tensor destination(const Binding& binding);
  void copy_grouped(at::Tensor& to, const at::Tensor& from) const;
  void copy_weights();
  void fill_random_weights();
  [[nodiscard]] NormBlock norm_block(const Parameter& parameter) const;
  [[nodiscard]] Layer layer(std::int64_t index) const;
  [[nodiscard]] Model assemble();

  const Checkpoint& checkpoint_;
  const ModelSpec& spec_;
  LoadOptions options_;
  Parameter embedding_, positions_, project_in_, project_out_, embedding_norm_, final_norm_, head_;
  std::vector<LayerParameters> layers_;
};

}  // namespace assay
