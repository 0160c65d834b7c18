#pragma once
// The model that suites see, and the one that is kept for the next request.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "harness/base/file_identity.h"
#include "harness/base/json.h"
#include "harness/method/method.h"
#include "harness/model/model.h"
#include "harness/protocol/protocol.h"
#include "harness/worker/meter.h"
#include "harness/worker/planned_model.h"
#include "harness/worker/subnormal_weights.h"

namespace assay {

/// The model of a request, and what is known of it.
class LoadedModel {
 public:
  /// The bare one. Throws as PlannedModel::load() does.
  explicit LoadedModel(const WorkerRequest& request);
  /// Applies the artefacts of the request. Once; throws as methods do.
  void apply(const WorkerRequest& request, const MethodRegistry& methods);

  /// True when a request asks for this very model. Throws OutcomeFound, INVALID(model_changed),
  /// when the folder has changed meanwhile.
  [[nodiscard]] bool is_of(const WorkerRequest& request) const;
  [[nodiscard]] Model& model() { return model_; }
  [[nodiscard]] const LoadedMemory& memory() const { return memory_; }
  /// The highest resident memory of the process until it was loaded, in bytes.
  [[nodiscard]] std::optional<std::int64_t> peak_of_loading() const { return peak_; }
  /// That some of its weights are subnormal numbers, in words.
  [[nodiscard]] const std::optional<std::string>& subnormals();
  /// What a pruned matrix lacks of the zeros that were asked for, in words; "" where nothing does,
  /// and of chains, of which nobody can say. `request` is one that is_of() is true of.
  [[nodiscard]] const std::string& missed_zeros(const WorkerRequest& request,
                                                const MethodRegistry& methods);

 private:
  Json asked_;
  PlannedModel planned_;
  LoadedMemory memory_;
  Model model_;
  SubnormalCount in_artefacts_;
  std::optional<std::optional<std::string>> subnormals_;
  std::optional<std::string> missed_zeros_;
  std::map<std::string, FileIdentity> artefact_files_;
  std::optional<std::int64_t> peak_;
};

/// The model of the request before, for the one that asks for the same.
class KeptModel {
 public:
  /// The kept one where it is of this request; else that is let go first, and another one loaded,
  /// which is bare.
  LoadedModel& get(const WorkerRequest& request);
  void forget() { loaded_.reset(); }
  /// True when the last get() loaded nothing.
  [[nodiscard]] bool was_kept() const { return was_kept_; }

 private:
  std::unique_ptr<LoadedModel> loaded_;
  bool was_kept_ = false;
};

/// The bare model of a request.
Model load_dense(const WorkerRequest& request);

}  // namespace assay
