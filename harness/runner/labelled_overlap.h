#pragma once
// Texts that two folders of prepared labelled data have in common: what is trained on must not be
// what is evaluated on (docs/formats/prepared_data.md, "Texts in two splits").

#include <cstdint>
#include <filesystem>
#include <string>

namespace assay {

struct LabelledOverlap {
  std::int64_t items = 0;            ///< of the training data whose text is in the evaluation data
  std::string training, evaluation;  ///< the first of them: "train.tsv:12", "validation.tsv:7"
};

/// The folders may be of different data sets, tokenizers and lengths. Throws FileError for a folder
/// that is missing, damaged or of another format.
LabelledOverlap overlap_of(const std::filesystem::path& training,
                           const std::filesystem::path& evaluation);

}  // namespace assay
