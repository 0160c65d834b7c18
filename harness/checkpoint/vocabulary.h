#pragma once
// Token ids against the rows of the embedding.

#include <cstdint>
#include <filesystem>
#include <string>

namespace assay {

/// How many tokens a model knows, and the folder of the tokenizer that gives them names.
struct Vocabulary {
  std::int64_t size = 0;
  std::filesystem::path folder;  ///< may be empty or without a tokenizer
};

/// `token 512 ("[PAD]")`; without the name where the folder's tokenizer does not tell.
std::string token_name(const Vocabulary& vocabulary, std::int64_t token);

/// Throws UserError unless the model has this token. A tokenizer may have more tokens than the
/// model, such as a [PAD] that was added later; they matter only where a text uses them. `place`
/// says where that is: "wikitext2/test, token 17 of the stream".
void require_token(const Vocabulary& vocabulary, std::int64_t token, const std::string& place);

}  // namespace assay
