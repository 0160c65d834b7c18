// model_logits FOLDER TOKENS OUT [METHOD ARTEFACT]: the logits of a model in fp32, with an artefact
// applied or without. TOKENS is a text with one sequence a line, all of one length; OUT becomes a
// safetensors file with `logits` [sequences, tokens, vocabulary]. Used by scripts/golden.

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "harness/method/method.h"
#include "harness/method/tensor_file.h"

namespace assay {
namespace {

at::Tensor read_tokens(const std::string& path) {
  std::ifstream file(path);
  std::vector<at::Tensor> rows;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::vector<std::int64_t> row;
    for (std::int64_t token = 0; words >> token;) row.push_back(token);
    if (!row.empty()) rows.push_back(at::tensor(row, at::kLong));
  }
  return at::stack(rows);
}

void write_logits(const std::vector<std::string>& words) {
  const c10::InferenceMode inference;
  Model model = Model::load(words[0], {});
  if (words.size() == 5) {
    MethodRegistry methods;
    register_builtin_methods(methods);
    methods.get(words[3]).apply(model, load_artefact(words[4]).second);
  }
  const at::Tensor tokens = read_tokens(words[1]);
  const at::Tensor logits = model.logits(model.hidden(tokens));
  write_tensor_file(words[2],
                    {{}, {{"logits", logits.view({tokens.size(0), tokens.size(1), -1})}}});
}

}  // namespace
}  // namespace assay

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments + 1, arguments + count);
  if (words.size() != 3 && words.size() != 5) {
    std::fprintf(stderr, "usage: model_logits FOLDER TOKENS OUT [METHOD ARTEFACT]\n");
    return 2;
  }
  try {
    assay::write_logits(words);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "model_logits: %s\n", error.what());
    return 1;
  }
  return 0;
}
