#include "harness/runner/artefacts.h"

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hash_cache.h"
#include "harness/base/json.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

fs::path record_path(const std::string& key) {
  return assay_home() / "artefacts" / (key + ".json");
}

Json to_json(const FitRecord& record) {
  Json metrics = Json::array();
  for (const MetricValue& value : record.metrics) metrics.push_back(assay::to_json(value));
  Json events = Json::array();
  for (const auto& event : record.events) {
    events.push_back({{"level", event.level}, {"code", event.code}, {"text", event.text}});
  }
  return {{"metrics", metrics}, {"events", events}};
}

/// Of all but itself: a digit that rots leaves a record well formed.
std::string check_of(Json document) {
  document.erase("check");
  return json_hash(document);
}

FitRecord fit_record_from_json(const Json& document) {
  FitRecord record;
  for (const Json& value : document.at("metrics")) {
    record.metrics.push_back(metric_value_from_json(value));
  }
  for (const Json& event : document.at("events")) {
    record.events.push_back({event.at("level").get<std::string>(),
                             event.at("code").get<std::string>(),
                             event.at("text").get<std::string>()});
  }
  return record;
}

}  // namespace

fs::path artefact_path(const std::string& key) {
  return assay_home() / "artefacts" / (key + ".safetensors");
}

fs::path checkpoints_path(const std::string& key) {
  return assay_home() / "artefacts" / (key + ".checkpoints");
}

fs::path scores_path(const std::string& cell_key) { return assay_home() / "scores" / cell_key; }

std::optional<FitRecord> cached_artefact(const std::string& key) {
  std::error_code missing;
  if (!fs::exists(artefact_path(key), missing) || !fs::exists(record_path(key), missing)) {
    return std::nullopt;
  }
  try {
    const Json document = read_json_file(record_path(key));
    if (document.at("check") != check_of(document)) return std::nullopt;
    if (document.at("sha256") != cached_file_hash(artefact_path(key))) return std::nullopt;
    return fit_record_from_json(document);
  } catch (const std::exception&) {
    return std::nullopt;  // a damaged record: the artefact is fitted again
  }
}

void complete_artefact(const std::string& key, const FitRecord& record) {
  Json document = to_json(record);
  document["sha256"] = cached_file_hash(artefact_path(key));
  document["check"] = check_of(document);
  write_file_atomically(record_path(key), document.dump(1) + "\n");
  std::error_code ignored;
  fs::remove_all(checkpoints_path(key), ignored);
}

}  // namespace assay
