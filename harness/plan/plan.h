#pragma once
// An experiment becomes cells with keys: what is asked, identified by content.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/outcome.h"
#include "harness/checkpoint/model_size.h"
#include "harness/config/catalogue.h"
#include "harness/config/experiment.h"

namespace assay {

/// A model of the experiment after its folder was checked and hashed.
struct ResolvedModel {
  ModelChoice choice;
  std::filesystem::path folder;
  std::string hash;
  std::string tokenizer_hash;
  Json traits;
  ModelSize size = {};  ///< zeros: not known
};

/// Why cells are UNMET for their data: they are not here, or hold what is not allowed. The latter
/// is a mistake that somebody has to mend, so a run's exit code says it.
inline constexpr const char* kDataAbsent = "data_absent";
inline constexpr const char* kBadData = "bad_data";

/// Identity of prepared data: the folder's name under $ASSAY_HOME/prepared.
struct ResolvedData {
  std::string key;
  std::filesystem::path folder;  ///< empty when the data set is not there or cannot be used
  std::string unmet;             ///< then: why, and what to do
  std::string unmet_code = kDataAbsent;
};

/// Answers the planner's questions about the world; a fake in tests.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Throws UserError when the model cannot be used.
  virtual ResolvedModel model(const ModelChoice& choice) = 0;
  /// Token stream of a data set's split for this tokenizer; prepared (cached) when possible.
  virtual ResolvedData stream(const ResolvedModel& model, const std::string& dataset,
                              const std::string& split) = 0;
  /// Questions with their answers, with the prompts of the recipe `task`, likewise.
  virtual ResolvedData items(const ResolvedModel& model, const std::string& dataset,
                             const std::string& split, const std::string& task) = 0;
  /// Texts or pairs with a class, each of at most `max_tokens` tokens, likewise.
  virtual ResolvedData labelled(const ResolvedModel& model, const std::string& dataset,
                                const std::string& split, std::int64_t max_tokens) = 0;
};

/// One thing to measure.
struct Cell {
  std::int64_t ordinal = 0;
  std::string key;  ///< SHA-256 of key_doc
  Json key_doc;
  std::string twin_key;  ///< the dense cell's key (a dense cell's own); empty without dense method
  std::size_t model = 0, method = 0, suite = 0;  ///< indices into the plan
  std::string profile;
  std::uint64_t seed = 0;
  /// What the last fit of its method's chain makes; empty for dense and for unmet cells.
  std::string artefact_key;
  std::string data_folder;
  std::optional<OutcomeReason> unmet;  ///< known before anything runs
};

/// One stage of a fit: shared by all cells whose results rest on it.
struct FitJob {
  std::string key;
  Json key_doc;
  std::size_t model = 0, method = 0;
  std::size_t link = 0;  ///< of the method's chain: MethodChoice::link()
  std::string stage;     ///< empty where the method has one alone
  std::uint64_t seed = 0;
  bool timed = false;  ///< it looks at the clock, under the profile of the cells that need it
  std::string base;  ///< key of the artefact that changes the model before; empty: the dense model
  std::map<std::string, std::string> inputs;  ///< keys of the stages that this one takes, by name
  std::string calibration_folder;
  std::string sampling;  ///< "documents", "stream" or "items"
  /// Of the calibration, as they hold for this model; 0 for a method that needs none.
  std::int64_t samples = 0, tokens = 0;
  std::string training_folder;       ///< empty for a stage that does not train
  std::int64_t training_tokens = 0;  ///< of a window of training text, as it holds for this model
};

struct Plan {
  Experiment experiment;
  std::vector<ResolvedModel> models;
  std::vector<Cell> cells;             ///< model, then profile, suite, method, seed
  std::map<std::string, FitJob> fits;  ///< by key
  [[nodiscard]] const MethodChoice& method_of(const Cell& cell) const {
    return experiment.methods[cell.method];
  }
  [[nodiscard]] const SuiteChoice& suite_of(const Cell& cell) const {
    return experiment.suites[cell.suite];
  }
  [[nodiscard]] const ResolvedModel& model_of(const Cell& cell) const { return models[cell.model]; }
  [[nodiscard]] const MethodChoice& method_of(const FitJob& job) const {
    return experiment.methods[job.method].link(job.link);
  }
  /// What changes the model until this artefact is in it: the last of each link, in their order.
  [[nodiscard]] std::vector<const FitJob*> links_to(const std::string& key) const;
  /// All that has to be there for this artefact, itself last; each once, in an order in which they
  /// can be made.
  [[nodiscard]] std::vector<const FitJob*> jobs_for(const std::string& key) const;
};

/// Multiplies the axes, checks requirements, computes keys. Deterministic. Throws UserError with
/// all problems together (windows or samples longer than the model's positions, N:M patterns that
/// do not divide a row, one model under two names), MachineError for a profile that asks for more
/// than the machine has.
Plan make_plan(const Experiment& experiment, const Catalogue& catalogue, Resolver& resolver);

/// The stored key document with the fewest differing fields, the first of equals.
std::optional<Json> nearest_document(const Json& key_doc, const std::vector<Json>& stored);

/// Why a cell has no stored result: the fields in which the nearest stored key document differs,
/// "method.params.sparsity differs: 0.5, stored 0.3"; at most three, the most telling first.
std::string explain(const Cell& cell, const std::optional<Json>& nearest);

}  // namespace assay
