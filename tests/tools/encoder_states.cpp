// encoder_states FOLDER TOKENS OUT DTYPE [METHOD ARTEFACT]...: what an encoder computes, with the
// artefacts applied in this order or without. TOKENS is a text with one sequence a line, of any
// lengths; OUT becomes a safetensors file, all in fp32, with `hidden_<i>` [rows, width], the rows
// of all sequences one after the other behind the first i layers (0: of none), and `scores`
// [sequences, outputs]. Used by scripts/golden.

#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "harness/method/method.h"
#include "harness/method/tensor_file.h"
#include "harness/model/packed_sequences.h"

namespace assay {
namespace {

std::vector<at::Tensor> read_sequences(const std::string& path) {
  std::ifstream file(path);
  std::vector<at::Tensor> sequences;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::vector<std::int64_t> row;
    for (std::int64_t token = 0; words >> token;) row.push_back(token);
    if (!row.empty()) sequences.push_back(at::tensor(row, at::kLong));
  }
  return sequences;
}

Model load(const std::vector<std::string>& words) {
  Model model = Model::load(words[0], {.dtype = dtype_from_name(words[3])});
  MethodRegistry methods;
  register_builtin_methods(methods);
  for (std::size_t i = 4; i + 1 < words.size(); i += 2) {
    methods.get(words[i]).apply(model, load_artefact(words[i + 1]).second);
  }
  return model;
}

void write_states(const std::vector<std::string>& words) {
  const c10::InferenceMode inference;
  Model model = load(words);
  const PackedTokens packed = pack_sequences(read_sequences(words[1]));
  std::map<std::string, at::Tensor> found;
  found["scores"] = model.sequence_logits(packed).to(at::kFloat);
  for (std::int64_t layers = model.layer_count();; --layers) {
    found["hidden_" + std::to_string(layers)] = model.hidden_packed(packed).to(at::kFloat);
    if (layers == 0) break;
    model.drop_layer(layers - 1);
  }
  write_tensor_file(words[2], {{}, found});
}

}  // namespace
}  // namespace assay

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() < 4 || words.size() % 2 != 0) {
    std::fprintf(stderr, "usage: encoder_states FOLDER TOKENS OUT DTYPE [METHOD ARTEFACT]...\n");
    return 2;
  }
  try {
    assay::write_states(words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "encoder_states: %s\n", error.what());
    return 1;
  }
  return 0;
}
