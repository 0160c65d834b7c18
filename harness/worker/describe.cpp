#include "harness/worker/describe.h"

#include "harness/checkpoint/checkpoint.h"
#include "harness/measure/machine.h"
#include "harness/measure/torch_environment.h"

namespace assay {
namespace {

constexpr int kDescriptionVersion = 1;

Json params_json(const std::vector<ParamSpec>& params) {
  Json list = Json::array();
  for (const ParamSpec& param : params) list.push_back(to_json(param));
  return list;
}

Json describe_method(const MethodInfo& info) {
  Json stages = Json::array();
  for (const StageInfo& stage : info.stages) {
    stages.push_back({{"name", stage.name},
                      {"params", stage.params},
                      {"inputs", stage.inputs},
                      {"calibration", stage.calibration},
                      {"training", stage.training},
                      {"when", to_json(stage.when)},
                      {"timed_when", to_json(stage.timed_when)}});
  }
  return {{"name", info.name},
          {"summary", info.summary},
          {"citation", info.citation},
          {"artefact_version", info.artefact_version},
          {"source_hash", method_source_hash(info.name)},
          {"params", params_json(info.params)},
          {"requires", to_json(requirements_of(info))},
          {"changes", info.changes},
          {"needs",
           {{"calibration", info.needs.calibration},
            {"calibration_apart", info.needs.calibration_apart},
            {"calibration_items", info.needs.calibration_items},
            {"training", to_json(info.needs.training)},
            {"calibration_unless", to_json(info.needs.calibration_unless)}}},
          {"stages", std::move(stages)}};
}

Json describe_suite(const SuiteKindInfo& info) {
  Json metrics = Json::array();
  for (const MetricDef& metric : info.metrics) metrics.push_back(to_json(metric));
  return {{"name", info.name},
          {"summary", info.summary},
          {"stage", info.stage == Stage::kScore ? "score" : "time"},
          {"data_format", info.data_format},
          {"needs_trained_weights", info.needs_trained_weights},
          {"requires", to_json(info.requires_)},
          {"params", params_json(info.params)},
          {"metrics", std::move(metrics)}};
}

Json describe_families() {
  Json list = Json::array();
  for (const FamilyInfo& family : families()) {
    list.push_back(
        {{"name", family.name}, {"summary", family.summary}, {"model_types", family.model_types}});
  }
  return list;
}

Json describe_build() {
  const Json build = build_environment();
  return {{"torch", torch_version()},
          {"compiler", build.at("compiler")},
          {"build_type", build.at("build_type")},
          {"version", build.at("version")}};
}

/// Built-in methods have a hash of their sources, suite kinds the version of all measuring.
void name_plugin(const std::map<std::string, PluginPart>& parts, Json& entry) {
  const auto part = parts.find(entry.at("name").get<std::string>());
  if (part == parts.end()) return;
  entry["plugin"] = {{"file", part->second.file}, {"hash", part->second.hash}};
  entry["source_hash"] = part->second.source_hash;
}

}  // namespace

Json describe(const MethodRegistry& methods, const SuiteRegistry& suites,
              const LoadedPlugins& plugins) {
  Json method_list = Json::array(), suite_list = Json::array();
  for (const Method* method : methods.all()) method_list.push_back(describe_method(method->info()));
  for (const SuiteKind* suite : suites.all()) suite_list.push_back(describe_suite(suite->info()));
  for (Json& method : method_list) name_plugin(plugins.methods, method);
  for (Json& kind : suite_list) name_plugin(plugins.suite_kinds, kind);
  return {{"version", kDescriptionVersion},
          {"methods", std::move(method_list)},
          {"suite_kinds", std::move(suite_list)},
          {"families", describe_families()},
          {"build", describe_build()}};
}

}  // namespace assay
