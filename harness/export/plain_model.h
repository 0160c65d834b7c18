#pragma once
// A compressed model as its family can hold it: plain matrices, all layers alike.

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "harness/checkpoint/config_reader.h"
#include "harness/model/model.h"

namespace assay {

struct PlainModel {
  ModelSpec spec;  ///< every layer has `shape`, but for layers beside mixtures of experts
  std::map<ParameterId, at::Tensor> tensors;
  /// What it took, for people: "feed-forward blocks of 96 neurons filled up with zeros to 128".
  std::vector<std::string> remarks;
};

/// Computes what `model` computes. Blocks say themselves how (Block::dense_form); narrower layers
/// are filled up with zeros, missing sub-layers get output weights of zeros, layers without any
/// sub-layer are left out. `keys`: what the configuration can say. Tensors that are plain already
/// share memory with the model. Throws DoesNotApply with every reason why there is no such model.
PlainModel plain_model(const Model& model, const std::vector<ConfigKey>& keys);

}  // namespace assay
