#include "harness/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/config/profile.h"
#include "harness/method/requirements.h"
#include "harness/plan/plan_checks.h"
#include "harness/protocol/protocol.h"

namespace assay {
namespace {

constexpr int kKeySchema = 1;
constexpr const char* kDense = "dense";

class Planner {
 public:
  Planner(const Experiment& experiment, const Catalogue& catalogue, Resolver& resolver)
      : catalogue_(catalogue), resolver_(resolver) {
    plan_.experiment = experiment;
  }

  Plan make() {
    for (const std::string& id : plan_.experiment.profiles) {
      check_profile_fits(catalogue_.profile(id));
    }
    resolve_models();
    for (std::size_t model = 0; model < plan_.models.size(); ++model) {
      for (const std::string& profile : plan_.experiment.profiles) add_cells(model, profile);
    }
    link_twins();
    throw_problems();
    return std::move(plan_);
  }

 private:
  void resolve_models() {
    for (const ModelChoice& choice : plan_.experiment.models) {
      try {
        plan_.models.push_back(resolver_.model(choice));
      } catch (const UserError& error) {
        problems_.push_back(fmt::format("{}: {}", choice.place.text(), error.what()));
      }
    }
    for (std::size_t i = 0; i < plan_.models.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const ResolvedModel& one = plan_.models[j];
        const ResolvedModel& two = plan_.models[i];
        if (one.hash != two.hash || one.choice.random_weights != two.choice.random_weights)
          continue;
        problems_.push_back(fmt::format("{}: model '{}' has the same content as '{}'; remove one",
                                        two.choice.place.text(), two.choice.id, one.choice.id));
      }
    }
    throw_problems();
  }

  void add_cells(std::size_t model, const std::string& profile) {
    const Experiment& experiment = plan_.experiment;
    for (std::size_t suite = 0; suite < experiment.suites.size(); ++suite) {
      for (std::size_t method = 0; method < experiment.methods.size(); ++method) {
        for (const std::uint64_t seed : experiment.seeds) {
          Cell cell;
          cell.ordinal = static_cast<std::int64_t>(plan_.cells.size());
          cell.model = model;
          cell.method = method;
          cell.suite = suite;
          cell.profile = profile;
          cell.seed = seed;
          complete(cell);
          plan_.cells.push_back(std::move(cell));
        }
      }
    }
  }

  // Everything but the twin. A cell is unmet for the first reason found; bad input is collected.
  void complete(Cell& cell) {
    const ResolvedModel& model = plan_.model_of(cell);
    const MethodChoice& method = plan_.method_of(cell);
    const MethodEntry& entry = catalogue_.method(method.id);
    const SuiteChoice& suite = plan_.suite_of(cell);
    const SuiteKindEntry& kind = catalogue_.suite_kind(suite.kind);
    const auto unmet = unmet_requirements(entry.requirements, model.traits);
    if (!unmet.empty()) set_unmet(cell, "requirement", join(unmet, "; "));
    if (kind.needs_trained_weights && model.choice.random_weights) {
      set_unmet(cell, "random_weights",
                fmt::format("{} needs trained weights, this model has random ones", suite.id));
    }
    const Json calibration = calibration_document(cell, model, method);
    const std::string data = suite_data(cell, model, suite, kind);
    cell.key_doc = key_document(cell, calibration, data);
    cell.key = json_hash(cell.key_doc);
    if (cell.unmet) return;
    check_suite_lengths(suite, kind, model, problems_);
    check_calibration_length(method, model, problems_);
    check_pattern(method, entry, model, problems_);
    check_sparsity(method, entry, problems_);
    if (method.id != kDense) add_fit(cell, calibration);
  }

  static void set_unmet(Cell& cell, const std::string& code, const std::string& text) {
    if (!cell.unmet) cell.unmet = OutcomeReason{Outcome::kUnmet, code, text};
  }

  // Null for a method without calibration. The data are not asked for when they cannot matter.
  Json calibration_document(Cell& cell, const ResolvedModel& model, const MethodChoice& method) {
    if (!method.calibration) return nullptr;
    const CalibrationChoice& choice = *method.calibration;
    Json document = {{"data", "absent"},
                     {"samples", choice.samples},
                     {"tokens", calibration_tokens(choice, model)},
                     {"sampling", catalogue_.dataset(choice.dataset).sampling},
                     {"seed", cell.seed}};
    if (cell.unmet) {
      document["data"] = fmt::format("{}/{}", choice.dataset, choice.split);
      return document;
    }
    const ResolvedData& data = stream(cell.model, choice.dataset, choice.split);
    if (data.folder.empty()) set_unmet(cell, data.unmet_code, data.unmet);
    if (!data.key.empty()) document["data"] = data.key;
    return document;
  }

  // Key of the suite's data: "" for none, "absent" when they are not there.
  std::string suite_data(Cell& cell, const ResolvedModel& model, const SuiteChoice& suite,
                         const SuiteKindEntry& kind) {
    if (kind.data_format.empty()) return "";
    if (kind.needs_trained_weights && model.choice.random_weights) return "not needed";
    const ResolvedData& data = data_of(cell, suite, kind.data_format);
    if (data.folder.empty()) {
      set_unmet(cell, data.unmet_code, data.unmet);
      return data.key.empty() ? "absent" : data.key;
    }
    cell.data_folder = data.folder.string();
    return data.key;
  }

  const ResolvedData& data_of(const Cell& cell, const SuiteChoice& suite,
                              const std::string& format) {
    if (format == "items") return items(cell.model, cell.suite);
    if (format == "labelled") return labelled(cell.model, suite);
    return stream(cell.model, suite.dataset, suite.split);
  }

  const ResolvedData& stream(std::size_t model, const std::string& dataset,
                             const std::string& split) {
    const auto key = std::make_tuple(model, dataset, split);
    const auto found = streams_.find(key);
    if (found != streams_.end()) return found->second;
    return streams_.emplace(key, resolver_.stream(plan_.models[model], dataset, split))
        .first->second;
  }

  const ResolvedData& items(std::size_t model, std::size_t suite) {
    const auto key = std::make_pair(model, plan_.experiment.suites[suite].id);
    const auto found = items_.find(key);
    if (found != items_.end()) return found->second;
    return items_.emplace(key, resolver_.items(plan_.models[model], plan_.experiment.suites[suite]))
        .first->second;
  }

  const ResolvedData& labelled(std::size_t model, const SuiteChoice& suite) {
    const auto tokens = suite.params.value("max_tokens", std::int64_t{0});
    const auto key = std::make_tuple(model, suite.dataset, suite.split, tokens);
    const auto found = labelled_.find(key);
    if (found != labelled_.end()) return found->second;
    const ResolvedModel& resolved = plan_.models[model];
    return labelled_.emplace(key, resolver_.labelled(resolved, suite.dataset, suite.split, tokens))
        .first->second;
  }

  [[nodiscard]] Json method_document(const MethodChoice& method) const {
    const MethodEntry& entry = catalogue_.method(method.id);
    return {{"name", method.id},
            {"version", entry.artefact_version},
            {"source", entry.source_hash},
            {"params", method.params}};
  }

  [[nodiscard]] Json key_document(const Cell& cell, const Json& calibration,
                                  const std::string& data) const {
    const ResolvedModel& model = plan_.model_of(cell);
    const SuiteChoice& suite = plan_.suite_of(cell);
    const ProfileEntry& profile = catalogue_.profile(cell.profile);
    Json document = {
        {"schema", kKeySchema},
        {"measuring_version", kMeasuringVersion},
        {"model", {{"hash", model.hash}, {"random_weights", model.choice.random_weights}}},
        {"method", method_document(plan_.method_of(cell))},
        {"calibration", calibration},
        {"suite",
         {{"id", suite.id}, {"kind", suite.kind}, {"params", suite.params}, {"data", data}}},
        {"profile", {{"id", cell.profile}, {"fingerprint", profile.fingerprint()}}},
        {"seed", cell.seed}};
    // More processes are another measurement of time; a score does not depend on them.
    if (catalogue_.suite_kind(suite.kind).stage == "time") {
      document["processes_per_arm"] = plan_.experiment.processes_per_arm;
      const Sampling& sampling = plan_.experiment.sampling;
      if (sampling.adapts()) document["sampling"] = sampling.to_json();
    }
    return document;
  }

  void add_fit(Cell& cell, const Json& calibration) {
    const ResolvedModel& model = plan_.model_of(cell);
    FitJob job;
    job.key_doc = {
        {"schema", kKeySchema},
        {"stage", "fit"},
        {"model", {{"hash", model.hash}, {"random_weights", model.choice.random_weights}}},
        {"method", method_document(plan_.method_of(cell))},
        {"calibration", calibration},
        {"seed", cell.seed}};
    job.key = json_hash(job.key_doc);
    job.model = cell.model;
    job.method = cell.method;
    job.seed = cell.seed;
    if (!calibration.is_null()) {
      const CalibrationChoice& choice = *plan_.method_of(cell).calibration;
      job.calibration_folder = stream(cell.model, choice.dataset, choice.split).folder.string();
      job.sampling = calibration.at("sampling").get<std::string>();
      job.samples = choice.samples;
      job.tokens = calibration.at("tokens").get<std::int64_t>();
    }
    cell.artefact_key = job.key;
    plan_.fits.emplace(job.key, std::move(job));
  }

  void link_twins() {
    std::map<std::tuple<std::size_t, std::string, std::size_t, std::uint64_t>, std::string> dense;
    const auto place = [](const Cell& cell) {
      return std::make_tuple(cell.model, cell.profile, cell.suite, cell.seed);
    };
    for (const Cell& cell : plan_.cells) {
      if (plan_.method_of(cell).id == kDense) dense.emplace(place(cell), cell.key);
    }
    for (Cell& cell : plan_.cells) {
      const auto twin = dense.find(place(cell));
      if (twin != dense.end()) cell.twin_key = twin->second;
    }
  }

  // The same problem is found once for each cell; it is said once.
  void throw_problems() {
    std::vector<std::string> said;
    for (const std::string& problem : problems_) {
      if (std::find(said.begin(), said.end(), problem) == said.end()) said.push_back(problem);
    }
    if (!said.empty()) throw UserError(said);
  }

  const Catalogue& catalogue_;
  Resolver& resolver_;
  Plan plan_;
  std::vector<std::string> problems_;
  std::map<std::tuple<std::size_t, std::string, std::string>, ResolvedData> streams_;
  std::map<std::pair<std::size_t, std::string>, ResolvedData> items_;
  std::map<std::tuple<std::size_t, std::string, std::string, std::int64_t>, ResolvedData> labelled_;
};

}  // namespace

Plan make_plan(const Experiment& experiment, const Catalogue& catalogue, Resolver& resolver) {
  return Planner(experiment, catalogue, resolver).make();
}

}  // namespace assay
