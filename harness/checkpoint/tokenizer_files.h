#pragma once
// The files of a model directory that decide token ids.

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// Their names, sorted: the list of python/assay_tools/tokenizer_files.txt, which the tools that
/// tokenise read too.
const std::vector<std::string>& tokenizer_file_names();

/// Hash over the names and contents of those that exist and over what config.json says of the
/// tokenizer (model_type, tokenizer_class); empty when there is none. Links are followed.
std::string hash_tokenizer_files(const std::filesystem::path& folder, const Json& config);

/// Why texts cannot be turned into tokens with the files of this directory, and what to do; empty
/// when they can.
std::string tokenizer_problem(const std::filesystem::path& folder);

}  // namespace assay
