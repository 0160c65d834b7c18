#pragma once
// A tokenizer.json whose words are tokens.

#include <string>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// One token a word, numbered in their order; `unknown`, one of them, stands for all others.
inline Json word_tokenizer(const std::vector<std::string>& words, const std::string& unknown) {
  Json vocabulary = Json::object();
  for (const std::string& word : words) vocabulary[word] = vocabulary.size();
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", Json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "Whitespace"}}},
          {"post_processor", nullptr},
          {"decoder", nullptr},
          {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", unknown}}}};
}

/// "a" to "z" behind `words`.
inline std::vector<std::string> with_letters(std::vector<std::string> words) {
  for (char c = 'a'; c <= 'z'; ++c) words.emplace_back(1, c);
  return words;
}

}  // namespace assay
