#include "harness/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>

#include "harness/base/dense_method.h"
#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/config/profile.h"
#include "harness/measure/machine_identity.h"
#include "harness/measure/machine_memory.h"
#include "harness/method/requirements.h"
#include "harness/plan/plan_checks.h"
#include "harness/plan/planned_data.h"
#include "harness/protocol/protocol.h"

namespace assay {
namespace {

constexpr int kKeySchema = 1;
/// Stands for the key of data that are not asked for, since the suite does not apply.
constexpr const char* kNotNeeded = "not needed";

class Planner {
 public:
  Planner(const Experiment& experiment, const Catalogue& catalogue, Resolver& resolver)
      : catalogue_(catalogue), resolver_(resolver), data_(plan_.models, catalogue, resolver) {
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
    const SuiteChoice& suite = plan_.suite_of(cell);
    const SuiteKindEntry& kind = catalogue_.suite_kind(suite.kind);
    std::vector<std::string> changed;
    for (std::size_t link = 0; link <= method.then.size(); ++link) {
      const MethodChoice& choice = method.link(link);
      const MethodEntry& of_link = catalogue_.method(choice.id);
      const auto unmet = unmet_by_model(choice, of_link, model);
      if (!unmet.empty()) set_unmet(cell, "requirement", join(unmet, "; "));
      for (std::string& trait : traits_changed_by(choice, of_link)) {
        changed.push_back(std::move(trait));
      }
    }
    const bool asks = suite_applies(cell, changed, suite, kind);
    std::vector<LinkData> links;
    for (std::size_t link = 0; link <= method.then.size(); ++link) {
      links.push_back({calibration_document(cell, model, method.link(link)),
                       training_document(cell, model, method.link(link))});
    }
    const bool needed = asks || kind.data_format.empty();
    const std::string data = needed ? suite_data(cell, suite, kind) : kNotNeeded;
    cell.key_doc = key_document(cell, links, data);
    cell.key = json_hash(cell.key_doc);
    const std::string room = beyond_memory(model, catalogue_.profile(cell.profile), memory_);
    if (!room.empty()) set_unmet(cell, "machine", room);
    if (cell.unmet) return;
    check_suite_lengths(suite, kind, model, problems_);
    for (std::size_t link = 0; link <= method.then.size(); ++link) {
      const MethodChoice& choice = method.link(link);
      const MethodEntry& of_link = catalogue_.method(choice.id);
      check_data_lengths(choice, model, problems_);
      check_pattern(choice, of_link, model, problems_);
      check_sparsity(choice, of_link, problems_);
    }
    if (method.id != kDense) add_fits(cell, links);
  }

  /// What the links of a chain draw on, as it stands in keys; null for nothing.
  struct LinkData {
    Json calibration, training;
  };

  // False when the suite asks nothing of this model, whatever the methods make of it. `changed`:
  // traits that they may change.
  bool suite_applies(Cell& cell, const std::vector<std::string>& changed, const SuiteChoice& suite,
                     const SuiteKindEntry& kind) {
    const ResolvedModel& model = plan_.model_of(cell);
    if (kind.needs_trained_weights && model.choice.random_weights) {
      set_unmet(cell, "random_weights",
                fmt::format("{} needs trained weights, this model has random ones", suite.id));
      return false;
    }
    const auto unmet = unmet_requirements(settled_before(kind, changed), model.traits);
    if (unmet.empty()) return true;
    set_unmet(cell, "requirement", fmt::format("suite '{}': {}", suite.id, join(unmet, "; ")));
    return false;
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
    const ResolvedData& data = data_.of_calibration(cell.model, choice);
    if (data.folder.empty()) set_unmet(cell, data.unmet_code, data.unmet);
    if (!data.key.empty()) document["data"] = data.key;
    return document;
  }

  // Null for a method that does not train.
  Json training_document(Cell& cell, const ResolvedModel& model, const MethodChoice& method) {
    if (!method.training) return nullptr;
    const TrainingChoice& choice = *method.training;
    Json document = choice.to_json();
    if (choice.on_text()) document["tokens"] = training_tokens(choice, model);
    document["data"] = "absent";
    if (cell.unmet) return document;
    const ResolvedData& data = data_.of_training(cell.model, choice);
    if (data.folder.empty()) set_unmet(cell, data.unmet_code, data.unmet);
    if (!data.key.empty()) document["data"] = data.key;
    return document;
  }

  // Key of the suite's data: "" for none, "absent" when they are not there.
  std::string suite_data(Cell& cell, const SuiteChoice& suite, const SuiteKindEntry& kind) {
    if (kind.data_format.empty()) return "";
    const ResolvedData& data = data_.of_suite(cell.model, suite);
    if (data.folder.empty()) {
      set_unmet(cell, data.unmet_code, data.unmet);
      return data.key.empty() ? "absent" : data.key;
    }
    cell.data_folder = data.folder.string();
    return data.key;
  }

  [[nodiscard]] Json method_document(const MethodChoice& method) const {
    const MethodEntry& entry = catalogue_.method(method.id);
    return {{"name", method.id},
            {"version", entry.artefact_version},
            {"source", entry.source_hash},
            {"params", method.params}};
  }

  [[nodiscard]] Json key_document(const Cell& cell, const std::vector<LinkData>& links,
                                  const std::string& data) const {
    const ResolvedModel& model = plan_.model_of(cell);
    const SuiteChoice& suite = plan_.suite_of(cell);
    const ProfileEntry& profile = catalogue_.profile(cell.profile);
    Json document = {
        {"schema", kKeySchema},
        {"measuring_version", kMeasuringVersion},
        {"model", {{"hash", model.hash}, {"random_weights", model.choice.random_weights}}},
        {"method", method_document(plan_.method_of(cell))},
        {"calibration", links.front().calibration},
        {"suite",
         {{"id", suite.id}, {"kind", suite.kind}, {"params", suite.params}, {"data", data}}},
        {"profile", {{"id", cell.profile}, {"fingerprint", profile.fingerprint()}}},
        {"seed", cell.seed}};
    const std::string& source = catalogue_.suite_kind(suite.kind).source_hash;
    if (!source.empty()) document["suite"]["source"] = source;
    if (!links.front().training.is_null()) document["training"] = links.front().training;
    for (std::size_t link = 1; link < links.size(); ++link) {
      document["then"].push_back({{"method", method_document(plan_.method_of(cell).link(link))},
                                  {"calibration", links[link].calibration},
                                  {"training", links[link].training}});
    }
    // More processes are another measurement of time; a score does not depend on them.
    if (catalogue_.suite_kind(suite.kind).stage == "time") {
      document["processes_per_arm"] = plan_.experiment.processes_per_arm;
      const Sampling& sampling = plan_.experiment.sampling;
      if (sampling.adapts()) document["sampling"] = sampling.to_json();
    }
    return document;
  }

  /// One job for each stage of each link.
  void add_fits(Cell& cell, const std::vector<LinkData>& links) {
    std::string base;
    for (std::size_t link = 0; link < links.size(); ++link) {
      const MethodChoice& choice = plan_.method_of(cell).link(link);
      std::map<std::string, std::string> made;
      for (const StageEntry& stage : stages_of(catalogue_.method(choice.id), choice)) {
        if (!stage.when.empty() && !any_holds(stage.when, choice.params)) continue;
        FitJob job = job_of(cell, links[link], link, stage);
        job.base = base;
        for (const std::string& input : stage.inputs) {
          if (const auto found = made.find(input); found != made.end()) {
            job.inputs[input] = found->second;
          }
        }
        if (!job.base.empty()) job.key_doc["base"] = job.base;
        if (!job.inputs.empty()) job.key_doc["inputs"] = job.inputs;
        job.key = json_hash(job.key_doc);
        made[stage.name] = cell.artefact_key = job.key;
        plan_.fits.emplace(job.key, std::move(job));
      }
      base = cell.artefact_key;
    }
  }

  /// A method that declares none has one without a name, which reads everything.
  static std::vector<StageEntry> stages_of(const MethodEntry& method, const MethodChoice& choice) {
    if (!method.stages.empty()) return method.stages;
    StageEntry whole;
    for (const auto& [name, value] : choice.params.items()) whole.params.push_back(name);
    whole.calibration = whole.training = true;
    return {whole};
  }

  /// Without its key, and without what it is made from.
  FitJob job_of(const Cell& cell, const LinkData& data, std::size_t link, const StageEntry& stage) {
    const ResolvedModel& model = plan_.model_of(cell);
    const MethodChoice& choice = plan_.method_of(cell).link(link);
    Json method = method_document(choice);
    method["params"] = Json::object();
    for (const std::string& name : stage.params) method["params"][name] = choice.params.at(name);
    FitJob job;
    job.model = cell.model;
    job.method = cell.method;
    job.link = link;
    job.stage = stage.name;
    job.seed = cell.seed;
    job.key_doc = {
        {"schema", kKeySchema},
        {"stage", stage.name.empty() ? "fit" : "fit/" + stage.name},
        {"model", {{"hash", model.hash}, {"random_weights", model.choice.random_weights}}},
        {"method", std::move(method)},
        {"calibration", stage.calibration ? data.calibration : Json()},
        {"seed", cell.seed}};
    if (stage.calibration && !data.calibration.is_null()) set_calibration(job, choice, data);
    if (stage.training && !data.training.is_null()) set_training(job, *choice.training, data);
    if (any_holds(stage.timed_when, choice.params)) set_timed(job, cell);
    return job;
  }

  void set_timed(FitJob& job, const Cell& cell) {
    job.timed = true;
    job.key_doc["profile"] = {{"id", cell.profile},
                              {"fingerprint", catalogue_.profile(cell.profile).fingerprint()}};
    job.key_doc["machine"] = machine_identity().id;
    job.key_doc["measuring_version"] = kMeasuringVersion;
  }

  void set_training(FitJob& job, const TrainingChoice& choice, const LinkData& data) {
    job.key_doc["training"] = data.training;
    job.training_folder = data_.of_training(job.model, choice).folder.string();
    if (choice.on_text()) job.training_tokens = data.training.at("tokens").get<std::int64_t>();
  }

  void set_calibration(FitJob& job, const MethodChoice& method, const LinkData& data) {
    const CalibrationChoice& choice = *method.calibration;
    job.calibration_folder = data_.of_calibration(job.model, choice).folder.string();
    job.sampling = data.calibration.at("sampling").get<std::string>();
    job.samples = choice.samples;
    job.tokens = data.calibration.at("tokens").get<std::int64_t>();
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
    constexpr std::size_t kMost = 100;  // nobody reads more
    std::vector<std::string> said;
    std::set<std::string_view> seen;
    for (const std::string& problem : problems_) {
      if (said.size() == kMost || !seen.insert(problem).second) continue;
      said.push_back(problem);
      if (said.size() == kMost) said.back() = "and more; these first";
    }
    if (!said.empty()) throw UserError(said);
  }

  const Catalogue& catalogue_;
  Resolver& resolver_;
  Plan plan_;
  PlannedData data_;
  const std::optional<std::int64_t> memory_ = usable_memory_bytes();
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<const FitJob*> Plan::links_to(const std::string& key) const {
  std::vector<const FitJob*> links;
  for (std::string at = key; !at.empty(); at = links.back()->base) links.push_back(&fits.at(at));
  std::reverse(links.begin(), links.end());
  return links;
}

std::vector<const FitJob*> Plan::jobs_for(const std::string& key) const {
  std::vector<const FitJob*> jobs;
  const auto add = [&](const auto& self, const std::string& wanted) -> void {
    if (wanted.empty()) return;
    const FitJob* job = &fits.at(wanted);
    if (std::find(jobs.begin(), jobs.end(), job) != jobs.end()) return;
    self(self, job->base);
    for (const auto& [stage, input] : job->inputs) self(self, input);
    jobs.push_back(job);
  };
  add(add, key);
  return jobs;
}

Plan make_plan(const Experiment& experiment, const Catalogue& catalogue, Resolver& resolver) {
  return Planner(experiment, catalogue, resolver).make();
}

}  // namespace assay
