#include <stdexcept>
#include <string>

#include "harness/model/model.h"

namespace assay {
namespace {

bool of_attention(LinearRole role) { return role <= LinearRole::kO; }

}  // namespace

std::vector<LinearRole> Layer::roles() const {
  std::vector<LinearRole> roles;
  for (const LinearRole role : {LinearRole::kQ, LinearRole::kK, LinearRole::kV, LinearRole::kO,
                                LinearRole::kGate, LinearRole::kUp, LinearRole::kDown}) {
    Linear* block = of_attention(role) ? attention->linear(role) : ffn->linear(role);
    if (block != nullptr) roles.push_back(role);
  }
  return roles;
}

Linear& Layer::linear(LinearRole role) const {
  Linear* block = of_attention(role) ? attention->linear(role) : ffn->linear(role);
  if (block == nullptr) {
    throw std::logic_error(std::string("this layer has no slot '") + role_name(role) + "'");
  }
  return *block;
}

DenseLinear& Layer::dense(LinearRole role) const {
  auto* block = dynamic_cast<DenseLinear*>(&linear(role));
  if (block == nullptr) {
    throw std::logic_error(std::string("slot '") + role_name(role) + "' is not dense any more");
  }
  return *block;
}

void Layer::replace_linear(LinearRole role, std::unique_ptr<Linear> block) {
  if (of_attention(role)) {
    attention->replace_linear(role, std::move(block));
  } else {
    ffn->replace_linear(role, std::move(block));
  }
}

Layer Layer::clone() const {
  return {attention_norm.clone(), ffn_norm.clone(), attention->clone(), ffn->clone()};
}

}  // namespace assay
