#pragma once
// Readers of prepared data folders (docs/formats/prepared_data.md). Every file is checked against
// the hash in the manifest, every token against the vocabulary, before anything is scored.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/params.h"
#include "harness/checkpoint/vocabulary.h"

namespace assay {

/// A text split in one row.
struct PreparedStream {
  at::Tensor tokens;  ///< int64 [n], CPU
};

/// A token sequence whose tokens from `scored_from` on (>= 1) have their log-likelihood asked for.
struct ScoredRequest {
  std::vector<std::int64_t> tokens;
  std::int64_t scored_from = 1;
  double length = 1;  ///< what acc_norm divides by, >= 0
};

/// A question: one request a candidate answer.
struct PreparedItem {
  std::string hash;    ///< identity of the question, free of the tokenizer
  std::int64_t gold;   ///< index of the right request
  std::string task;    ///< subtask, "" when the task has none
  std::string group;   ///< group of subtasks, likewise
  bool spans = false;  ///< a token reaches over the end of a context
  std::string place;   ///< raw file and line, "piqa.jsonl:12"; "" when nobody knows
  std::vector<ScoredRequest> requests;
};

struct PreparedItems {
  std::vector<std::string> metrics;  ///< that the task is reported in: "acc", "acc_norm", ...
  std::vector<PreparedItem> items;
};

/// Throws UserError for a missing, foreign or damaged folder, or tokens that the model does not
/// have.
PreparedStream read_prepared_stream(const std::filesystem::path& folder,
                                    const Vocabulary& vocabulary);
PreparedItems read_prepared_items(const std::filesystem::path& folder,
                                  const Vocabulary& vocabulary);

/// The parameter `limit` of suites over items.
ParamSpec limit_param();

/// Leaves the first `limit` items of each subtask; 0 leaves all.
void limit_items(PreparedItems& prepared, std::int64_t limit);

}  // namespace assay
