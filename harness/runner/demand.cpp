#include "harness/runner/demand.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/config/profile.h"
#include "harness/data/prepared_folder.h"
#include "harness/measure/machine_memory.h"
#include "harness/runner/artefacts.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kScored = "score";
constexpr const char* kStream = "stream";

/// Sizes of prepared data.
struct DataSize {
  double tokens = 0, documents = 0;
};

DataSize size_of(const fs::path& folder) {
  const PreparedFolder prepared(folder);
  const Json& manifest = prepared.manifest();
  // Without them the bound from below is looser; the worker refuses such a folder.
  return {manifest.value("tokens", 0.0), manifest.value("documents", 0.0)};
}

/// Of a stream that is cut into windows, or of items, all or the first `limit` of them.
double scored_tokens(const SuiteChoice& suite, const SuiteKindEntry& kind, const DataSize& size) {
  const double limit = suite.params.value("limit", 0.0);
  if (limit <= 0) return size.tokens;
  if (kind.data_format == kStream) {
    return std::min(size.tokens, limit * suite.params.value("window", 0.0));
  }
  return size.documents > 0 ? size.tokens * std::min(1.0, limit / size.documents) : size.tokens;
}

class Reckoning {
 public:
  Reckoning(const Plan& plan, const Catalogue& catalogue, const std::string& profile)
      : plan_(plan), catalogue_(catalogue), profile_(catalogue.profile(profile)) {
    demand_.profile = profile;
    demand_.dtype = profile_.dtype;
  }

  void add(const Cell& cell) {
    const ResolvedModel& model = plan_.model_of(cell);
    const SuiteChoice& suite = plan_.suite_of(cell);
    const SuiteKindEntry& kind = catalogue_.suite_kind(suite.kind);
    if (models_.insert(cell.model).second) add_model(model);
    add_fits(cell);
    if (kind.stage != kScored) {
      ++demand_.timed;
    } else if (!cell.data_folder.empty()) {
      const auto flops = static_cast<double>(model.size.flops_per_token);
      demand_.score_flops += flops * scored_tokens(suite, kind, data_size(cell.data_folder));
    }
  }

  [[nodiscard]] Demand take() { return std::move(demand_); }

 private:
  /// Read once: many cells have the same.
  const DataSize& data_size(const std::string& folder) {
    const auto known = sizes_.find(folder);
    return known != sizes_.end() ? known->second
                                 : sizes_.emplace(folder, size_of(folder)).first->second;
  }

  void add_model(const ResolvedModel& model) {
    demand_.models.push_back(
        {model.choice.id, model.size.parameters, model.size.parameters * element_bytes(profile_)});
  }

  void add_fits(const Cell& cell) {
    if (cell.artefact_key.empty()) return;
    for (const FitJob* job : plan_.jobs_for(cell.artefact_key)) {
      std::error_code ignored;
      const bool here = fs::exists(artefact_path(job->key), ignored);
      if (here || !fits_.insert(job->key).second) continue;
      ++demand_.fits;
      if (!job->training_folder.empty()) ++demand_.trained;
      const auto flops = static_cast<double>(plan_.models[job->model].size.flops_per_token);
      demand_.fit_flops += flops * static_cast<double>(job->samples * job->tokens);
    }
  }

  const Plan& plan_;
  const Catalogue& catalogue_;
  const ProfileEntry& profile_;
  Demand demand_;
  std::set<std::size_t> models_;
  std::set<std::string> fits_;
  std::map<std::string, DataSize> sizes_;  ///< by folder
};

double seconds_of(double flops, const MachineSpeed& speed) {
  return speed.gemm_flops > 0 ? flops / speed.gemm_flops : 0;
}

/// "27.0 GB of weights in fp32, of 25.2 GB here"
std::string weights_text(const ModelDemand& model, const Demand& demand) {
  const auto memory = usable_memory_bytes();
  return fmt::format("  {}: {} of weights in {}{}\n", model.model,
                     decimal_bytes(model.weight_bytes), demand.dtype,
                     memory ? fmt::format("; the machine has {}", decimal_bytes(*memory)) : "");
}

/// "8 fits (2 train)", "16 timed cells".
std::string beyond_text(const Demand& demand) {
  std::vector<std::string> parts;
  if (demand.fits > 0) {
    parts.push_back(demand.fits == 1 ? "what 1 fit does beside it"
                                     : fmt::format("what {} fits do beside it", demand.fits));
    if (demand.trained > 0) parts.back() += fmt::format(" ({} train)", demand.trained);
  }
  if (demand.timed > 0) {
    parts.push_back(fmt::format("{} timed cell{}", demand.timed, demand.timed == 1 ? "" : "s"));
  }
  return parts.empty() ? "" : "; on top come " + enumerated(parts);
}

}  // namespace

std::vector<Demand> demands_of(const Plan& plan, const Catalogue& catalogue,
                               const std::function<bool(const Cell& cell)>& to_run) {
  std::vector<Demand> demands;
  for (const std::string& profile : plan.experiment.profiles) {
    Reckoning reckoning(plan, catalogue, profile);
    for (const Cell& cell : plan.cells) {
      if (cell.profile == profile && !cell.unmet && to_run(cell)) reckoning.add(cell);
    }
    demands.push_back(reckoning.take());
  }
  return demands;
}

std::string demand_text(const Demand& demand, const MachineSpeed& speed) {
  if (demand.models.empty())
    return fmt::format("profile {}: nothing is to be run\n", demand.profile);
  std::string text = fmt::format("profile {}, at least:\n", demand.profile);
  for (const ModelDemand& model : demand.models) text += weights_text(model, demand);
  return text + fmt::format(
                    "  {} for the passes: {} of scoring, {} over calibration data, at the "
                    "{:.0f} GFLOP/s that products reach now{}\n",
                    human_seconds(seconds_of(demand.flops(), speed)),
                    human_seconds(seconds_of(demand.score_flops, speed)),
                    human_seconds(seconds_of(demand.fit_flops, speed)), speed.gemm_flops / 1e9,
                    beyond_text(demand));
}

Json demand_json(const Demand& demand, const MachineSpeed& speed) {
  Json models = Json::array();
  for (const ModelDemand& model : demand.models) {
    models.push_back({{"model", model.model},
                      {"parameters", model.parameters},
                      {"weight_bytes", model.weight_bytes}});
  }
  const auto memory = usable_memory_bytes();
  return {{"profile", demand.profile},
          {"dtype", demand.dtype},
          {"models", std::move(models)},
          {"memory_bytes", memory ? Json(*memory) : Json()},
          {"gemm_flops", speed.gemm_flops},
          {"score_flops", demand.score_flops},
          {"fit_flops", demand.fit_flops},
          {"seconds_at_least", seconds_of(demand.flops(), speed)},
          {"fits", demand.fits},
          {"training_fits", demand.trained},
          {"timed_cells", demand.timed}};
}

}  // namespace assay
