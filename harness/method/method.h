#pragma once
// The plug-in interface of a compression method.
//
// A method is two nearly pure functions around a serialisable artefact. Saving, caching, reloading,
// accounting, timing and scoring are the harness's.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/checkpoint_time.h"
#include "harness/base/param_condition.h"
#include "harness/base/params.h"
#include "harness/base/requirement.h"
#include "harness/base/training_need.h"
#include "harness/model/model.h"

namespace assay {

struct AnsweredItems;
struct LabelledItems;
struct TrainingText;

/// The parameter of a method that may be told to calibrate on what it is scored by.
inline constexpr const char* kAllowSuiteData = "allow_suite_data";

struct Needs {
  bool calibration = false;  ///< token sequences; adds the parameter `calibration` to the method
  /// What it can train on, one entry a form; a fit gets one of them. Adds the parameter `training`
  /// to the method. Empty: it does not train.
  std::vector<TrainingNeed> training = {};
  /// Settings that do not look at them all the same: then none are asked for, prepared or part of
  /// the key, and FitContext::calibration() throws.
  std::vector<ParamCondition> calibration_unless;
  /// The calibration text may not be of a data set that a suite of the experiment scores, unless
  /// the method's parameter kAllowSuiteData is set.
  bool calibration_apart = false;
  /// Calibration may be questions with their right answers in place of a text: the method looks at
  /// FitContext::calibration_items() first.
  bool calibration_items = false;
  [[nodiscard]] bool calibration_for(const Params& params) const {
    return calibration && !any_holds(calibration_unless, params.json());
  }
};

/// A part of a fit with an artefact of its own, kept for every setting that leaves its inputs as
/// they are: an axis over a parameter that only a later stage reads runs this one once.
struct StageInfo {
  std::string name;
  std::vector<std::string> params;  ///< those that it reads
  std::vector<std::string> inputs;  ///< earlier stages whose artefacts it takes
  bool calibration = false;         ///< it reads the calibration sequences
  bool training = false;            ///< it reads the training data
  /// Settings under which there is this stage; empty: always. Others find no artefact of it.
  std::vector<ParamCondition> when = {};
  /// Settings under which it looks at the clock; empty: none. It has the machine for itself and the
  /// model in the profile's dtype then, and its artefact is of this machine and profile.
  std::vector<ParamCondition> timed_when = {};
  [[nodiscard]] bool there_for(const Json& settings) const {
    return when.empty() || any_holds(when, settings);
  }
};

struct MethodInfo {
  std::string name, summary, citation;
  int artefact_version = 1;  ///< raise when the meaning of an artefact changes
  std::vector<ParamSpec> params;
  std::vector<Requirement> requires_;
  /// It works on mixtures of experts as well; UNMET on them otherwise. See requirements_of().
  bool takes_experts = false;
  Needs needs;
  /// In the order in which they run; the last one makes what apply() takes. Empty: one stage that
  /// reads everything.
  std::vector<StageInfo> stages = {};
  /// Traits of the model that apply() may change ("output", "classes"): whether a suite applies is
  /// then seen only once it is applied.
  std::vector<std::string> changes = {};
};

/// What it asks of every model: `requires_`, and plain feed-forward blocks unless it takes experts.
std::vector<Requirement> requirements_of(const MethodInfo& info);

/// What fitting produced: numbers by name, and a small document that says how to use them.
struct Artefact {
  Json plan = Json::object();
  std::map<std::string, at::Tensor> tensors;
};

/// Services of the harness while a method is fitted.
class FitContext {
 public:
  virtual ~FitContext() = default;
  /// int64 [samples, tokens]; throws std::logic_error unless needs.calibration_for(params), and
  /// where calibration is by items.
  [[nodiscard]] virtual const at::Tensor& calibration() const = 0;
  /// Null where calibration is by text, which it always is without needs.calibration_items.
  [[nodiscard]] virtual const AnsweredItems* calibration_items() const { return nullptr; }
  /// Labelled items to train on; throws std::logic_error unless the fit was given such, as
  /// needs.training allows.
  [[nodiscard]] virtual const LabelledItems& training() const;
  /// Text to train on, likewise.
  [[nodiscard]] virtual const TrainingText& training_text() const;
  /// What an earlier stage made. Throws std::logic_error for one that this stage did not ask for.
  [[nodiscard]] virtual const Artefact& input(const std::string& stage) const;
  [[nodiscard]] virtual std::uint64_t seed() const = 0;
  /// Reports progress and throws Interrupted when the run was asked to stop.
  virtual void progress(std::int64_t done, std::int64_t total, const std::string& what) = 0;
  /// A remark for the database and the report ("cholesky_retry", "layer 3 q: ...").
  virtual void warn(const std::string& code, const std::string& text) = 0;
  /// A number worth keeping ("achieved_sparsity/layer.3.q", 0.5).
  virtual void metric(const std::string& name, double value) = 0;
  /// Fresh folder that goes away afterwards; nothing may be written elsewhere.
  [[nodiscard]] virtual const std::filesystem::path& scratch() const = 0;
  /// Folder of this very fit: what a killed one left there, the next try finds again. Goes away
  /// once the artefact is made. The default is scratch(): nothing is found again.
  [[nodiscard]] virtual const std::filesystem::path& checkpoints() const { return scratch(); }
  /// How long a training works between two checkpoints. Changes nothing of what it makes.
  [[nodiscard]] virtual double checkpoint_seconds() const { return kCheckpointSeconds; }
  /// The folder the model was loaded from (for `external`).
  [[nodiscard]] virtual const std::filesystem::path& model_folder() const = 0;
};

class Method {
 public:
  virtual ~Method() = default;
  /// Cheap, constant, free of device access.
  [[nodiscard]] virtual MethodInfo info() const = 0;
  /// Rules between parameters and model that `requires_` cannot say; empty = fine. UNMET otherwise.
  [[nodiscard]] virtual std::vector<std::string> unmet(const ModelSpec& spec,
                                                       const Params& params) const;
  /// Calibrates, searches, trains. Reads the model, never changes it. A method with stages leaves
  /// this as it is: all of them, one after the other.
  [[nodiscard]] virtual Artefact fit(const Model& model, FitContext& context,
                                     const Params& params) const;
  /// One of MethodInfo::stages. A method without any leaves this as it is.
  [[nodiscard]] virtual Artefact fit_stage(const std::string& stage, const Model& model,
                                           FitContext& context, const Params& params) const;
  /// Changes the model at its seams. Deterministic, no data.
  virtual void apply(Model& model, const Artefact& artefact) const = 0;
};

/// Methods by name. A value, not a singleton: tests start with an empty one.
class MethodRegistry {
 public:
  /// Throws std::logic_error for a duplicate name, and for conditions that no setting can meet.
  void add(std::unique_ptr<Method> method);
  /// Throws UserError listing the known names.
  [[nodiscard]] const Method& get(const std::string& name) const;
  [[nodiscard]] std::vector<const Method*> all() const;  ///< sorted by name

 private:
  std::map<std::string, std::unique_ptr<Method>> methods_;
};

/// Generated by CMake from the folders under methods/.
void register_builtin_methods(MethodRegistry& registry);
/// SHA-256 over the sources of a built-in method's folder; part of a cell's key. Empty if unknown.
std::string method_source_hash(const std::string& name);

/// Writes safetensors with a JSON header {method, artefact_version, params, model hash, plan}.
struct ArtefactHeader {
  std::string method;
  int artefact_version = 1;
  Json params;
  std::string model_hash;
};
void save_artefact(const std::filesystem::path& path, const ArtefactHeader& header,
                   const Artefact& artefact);
/// Throws UserError for a damaged file or one of a newer version. Tensors are owned copies.
std::pair<ArtefactHeader, Artefact> load_artefact(const std::filesystem::path& path);

}  // namespace assay
