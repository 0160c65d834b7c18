#pragma once
// The cache of fitted artefacts: $ASSAY_HOME/artefacts/<key>.safetensors, and beside each a JSON
// file with its hash and what fitting it cost.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/protocol/protocol.h"

namespace assay {

/// Where the artefact of a key is or will be.
std::filesystem::path artefact_path(const std::string& key);

/// Where a fit that is killed leaves what its next try goes on from.
std::filesystem::path checkpoints_path(const std::string& key);
/// What a killed score of a cell left behind, so that the next try goes on from it.
std::filesystem::path scores_path(const std::string& cell_key);

/// What fitting measured; kept beside the artefact so that a cached one still has its figures.
struct FitRecord {
  std::vector<MetricValue> metrics;
  std::vector<WorkerReply::Event> events;
};

/// The record of a complete artefact; nothing when the artefact is missing, half there or changed
/// since it was made (its hash differs), so that it is fitted again.
std::optional<FitRecord> cached_artefact(const std::string& key);

/// Writes the record and removes the checkpoints; the artefact counts as complete from then on.
/// Throws MachineError when the cache cannot be written.
void complete_artefact(const std::string& key, const FitRecord& record);

}  // namespace assay
