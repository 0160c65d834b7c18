#pragma once
// What can be named in an experiment: methods and suite kinds (the worker describes them), suites,
// datasets, models and hardware profiles (one TOML file each).

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/base/param_condition.h"
#include "harness/base/params.h"
#include "harness/base/requirement.h"
#include "harness/base/training_need.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// A part of a fit with an artefact of its own.
struct StageEntry {
  std::string name;
  std::vector<std::string> params;  ///< those that it reads
  std::vector<std::string> inputs;  ///< earlier stages whose artefacts it takes
  bool calibration = false, training = false;
  /// Settings under which there is this stage; empty: always.
  std::vector<ParamCondition> when = {};
  /// Settings under which its artefact depends on the machine and the profile; empty: none.
  std::vector<ParamCondition> timed_when = {};
};

/// A shared library that a method or suite kind is of; the file is "" for what is built in.
struct PluginEntry {
  std::string file, hash;
};

struct MethodEntry {
  std::string name, summary, citation;
  int artefact_version = 1;
  std::string source_hash;
  std::vector<ParamSpec> params;
  std::vector<Requirement> requirements;
  std::vector<std::string> changes;  ///< traits of the model that it may change
  bool needs_calibration = false;
  std::vector<TrainingNeed> training;  ///< forms of data that it can train on; empty: none
  std::vector<ParamCondition> calibration_unless;  ///< settings that need none all the same
  bool calibration_apart = false;  ///< refuses text of a data set that a suite scores
  bool calibration_items = false;  ///< calibrates on items as well as on text
  /// Of data sets that it can be calibrated on, where it is.
  [[nodiscard]] std::vector<std::string> calibration_kinds() const;
  [[nodiscard]] bool needs_calibration_for(const Json& chosen) const {
    return needs_calibration && !any_holds(calibration_unless, chosen);
  }
  std::vector<StageEntry> stages;  ///< empty: one that reads everything
  PluginEntry plugin = {};
};

struct SuiteKindEntry {
  std::string name, summary, stage;  ///< stage: "score" or "time"
  std::string data_format;           ///< "stream", "items", "labelled" or ""
  bool needs_trained_weights = true;
  std::vector<ParamSpec> params;
  std::vector<MetricDef> metrics;
  std::vector<Requirement> requirements = {};
  PluginEntry plugin = {};
  /// Of one of a plug-in; "" for what is built in, whose rules kMeasuringVersion stands for.
  std::string source_hash = {};
};

/// datasets/suites/<id>.toml
struct SuiteEntry {
  std::string id, kind, dataset, split, summary;
  std::string task;              ///< prompt recipe of the data preparer, for items
  Json params = Json::object();  ///< values for the kind's params
  std::string hash;              ///< of the file
};

/// datasets/<name>.toml
struct DatasetEntry {
  std::string name, summary, licence, source;
  std::string kind;  ///< "text", "items" or "labelled"
  std::vector<std::string> splits;
  /// How calibration draws from it: "documents" or "stream", "items" from items.
  std::string sampling;
  std::filesystem::path manifest;
  Json document;  ///< the whole manifest
};

/// models/<name>.toml under share, a folder under $ASSAY_MODELS or $ASSAY_HOME/models; in lists
/// also a model in the cache of the Hugging Face Hub ("hf:ORG/NAME").
struct ModelEntry {
  std::string name, summary, source;
  std::string licence = {};   ///< "" where only the folder could tell
  std::string importer = {};  ///< "folder", "gguf", "hub", "shape"; "" without a file
  std::string hub = {};       ///< "ORG/NAME[@REVISION]" of importer "hub"
  std::int64_t bytes = 0;     ///< to download, by its file; 0: it does not say
};

/// What a machine must reach before anything is timed on it; 0: not asked.
struct ProfileFloors {
  double gemm_gflops = 0;     ///< 1024^3 product in the profile's dtype with its threads
  double bandwidth_gb_s = 0;  ///< reading memory with its threads, 1e9 bytes a second
  double max_load = 0;        ///< load average of the last minute before a session
};

/// hardware_profiles/<id>.toml
struct ProfileEntry {
  std::string id, summary;
  std::string device = "cpu";
  std::string dtype = "fp32";
  int threads = 0;                      ///< 0: all allowed cores
  std::vector<int> cores;               ///< pin to these
  std::int64_t memory_limit_bytes = 0;  ///< 0: none
  std::vector<std::string> features;    ///< flags that the processor must have ("avx512_bf16")
  ProfileFloors floors;
  std::string hash;
  /// True when the machine has to be measured before it may be timed.
  [[nodiscard]] bool asks_something() const {
    return floors.gemm_gflops > 0 || floors.bandwidth_gb_s > 0 || floors.max_load > 0 ||
           !features.empty();
  }
  /// The resolved file without comments and names, with threads as they are on this machine.
  [[nodiscard]] Json fingerprint() const;
};

struct Catalogue {
  std::vector<MethodEntry> methods;
  std::vector<SuiteKindEntry> suite_kinds;
  std::vector<SuiteEntry> suites;
  std::vector<DatasetEntry> datasets;
  std::vector<ModelEntry> models;
  std::vector<ProfileEntry> profiles;
  std::vector<std::string> families;
  std::string worker_hash;

  /// Each throws UserError "unknown method 'wnada'; did you mean ..." listing the known names.
  [[nodiscard]] const MethodEntry& method(const std::string& name) const;
  [[nodiscard]] const SuiteKindEntry& suite_kind(const std::string& name) const;
  [[nodiscard]] const SuiteEntry& suite(const std::string& id) const;
  [[nodiscard]] const DatasetEntry& dataset(const std::string& name) const;
  [[nodiscard]] const ProfileEntry& profile(const std::string& id) const;
  /// The recipe that makes prompts of a data set of items: that of the suites over it. Throws
  /// UserError where they name none, or several.
  [[nodiscard]] std::string task_of(const std::string& dataset) const;
};

/// Reads the TOML files under `share` (datasets/, datasets/suites/, models/, hardware_profiles/)
/// and what `assay-worker --describe` printed. A plug-in's suite kind that needs no data is a suite
/// of the same name besides. Throws UserError with all problems of all files.
Catalogue read_catalogue(const std::filesystem::path& share, const Json& worker_description);

}  // namespace assay
