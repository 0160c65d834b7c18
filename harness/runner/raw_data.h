#pragma once
// Where the raw files of a data set are.

#include <filesystem>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"

namespace assay {

/// The raw files of one split, in the manifest's order.
struct RawFiles {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> hashes;   ///< SHA-256, one a file
  std::vector<std::string> missing;  ///< relative names that are in no place; then nothing else
  std::vector<std::string> notes;    ///< content that is not what the manifest pins
  Json not_pinned = Json::array();  ///< the same files with their pins, for the prepared data's key
};

/// Looks for each file under $ASSAY_DATA, then under assay_home()/data/<name>. Throws UserError for
/// a split that the data set has not. With `hashed` false only presence is looked at.
RawFiles find_raw_files(const DatasetEntry& dataset, const std::string& split, bool hashed = true);

/// "data set 'piqa' is not here (lm_eval/piqa.jsonl); get it with: assay data get piqa".
std::string missing_data_text(const DatasetEntry& dataset, const RawFiles& raw);

}  // namespace assay
