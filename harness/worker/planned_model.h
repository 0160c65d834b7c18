#pragma once
// The model that was planned: what is loaded is what was hashed.

#include <filesystem>
#include <map>
#include <string>

#include "harness/base/file_identity.h"
#include "harness/model/model.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// Results are stored under the hash that the plan knows, so a folder that has changed since then
/// may not be measured. Comparing costs little: contents are hashed again only where the identity
/// of a file is not one that was hashed before (harness/base/hash_cache.h).
///
/// Everything throws OutcomeFound, INVALID(model_changed), for another content than planned and for
/// a folder that changes whenever it is read, and FileError for one that cannot be read any more. A
/// request without a hash is not compared.
class PlannedModel {
 public:
  explicit PlannedModel(const WorkerRequest& request)
      : folder_(request.model_folder),
        hash_(request.model_hash),
        weights_(!request.random_weights) {}

  /// Loads, and proves that nothing changed between hashing and the end of loading.
  [[nodiscard]] Model load(const LoadOptions& options);
  /// Whether the files are those of the last `load`: for whoever hands the folder to others.
  void require_unchanged() const;

 private:
  using State = std::map<std::string, FileIdentity>;
  [[nodiscard]] State state() const;
  void require_planned() const;

  std::filesystem::path folder_;
  std::string hash_;
  bool weights_;
  State loaded_;
};

}  // namespace assay
