#include "harness/claims/measured.h"

#include <map>
#include <set>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/files.h"

namespace assay {
namespace {

/// Key documents of everything measured, by the cell's key.
std::map<std::string, Json> key_documents(const Store& store, const std::vector<ResultRow>& rows) {
  std::set<std::pair<std::string, std::string>> pairs;
  for (const ResultRow& row : rows) pairs.emplace(row.method, row.suite);
  std::map<std::string, Json> documents;
  for (const auto& [method, suite] : pairs) {
    for (Json& document : store.measured_keys(method, suite)) {
      documents.emplace(json_hash(document), std::move(document));
    }
  }
  return documents;
}

/// "cuda" of "cuda:1".
std::string device_class(const Json& key) {
  const Json device = key.value(Json::json_pointer("/profile/fingerprint/device"), Json());
  if (!device.is_string()) return "";
  const std::string text = device.get<std::string>();
  return text.substr(0, text.find(':'));
}

std::string data_key(const Json& key) {
  const Json data = key.value(Json::json_pointer("/suite/data"), Json());
  return data.is_string() ? data.get<std::string>() : "";
}

/// The experiment's choice, with the counts that held for this model.
Json calibration_of(const Json& chosen, const Json& key) {
  if (chosen.is_null()) return chosen;
  Json calibration = chosen;
  const Json resolved = key.value("calibration", Json());
  if (!resolved.is_object()) return calibration;
  for (const char* name : {"samples", "tokens"}) {
    if (resolved.contains(name)) calibration[name] = resolved.at(name);
  }
  return calibration;
}

Measured measured_from(ResultRow row, const std::string& database, const Json& key) {
  Measured measured;
  measured.database = database;
  measured.params = Json::parse(row.params);
  measured.suite_params = Json::parse(row.suite_params);
  measured.calibration = calibration_of(measured.params.value("calibration", Json()), key);
  measured.params.erase("calibration");
  measured.device = device_class(key);
  measured.row = std::move(row);
  return measured;
}

bool has_ended(const ResultRow& row) { return row.status != "QUEUED" && row.status != "RUNNING"; }

}  // namespace

std::vector<std::string> notes_of_prepared_data(const std::string& key) {
  const std::filesystem::path manifest = assay_home() / "prepared" / key / "manifest.json";
  std::error_code missing;
  if (key.empty() || !std::filesystem::exists(manifest, missing)) return {};
  try {
    return read_json_file(manifest).value("notes", std::vector<std::string>{});
  } catch (const Json::exception&) {
    return {"its manifest cannot be read: " + manifest.string()};
  }
}

std::vector<Measured> read_measured(const Store& store, const std::string& database,
                                    const DataNotes& notes) {
  std::vector<ResultRow> rows = store.results("");
  const std::map<std::string, Json> keys = key_documents(store, rows);
  std::map<std::string, std::vector<std::string>> notes_by_key;
  std::vector<Measured> measured;
  for (ResultRow& row : rows) {
    if (!has_ended(row)) continue;
    const auto found = keys.find(row.cell_key);
    const Json key = found == keys.end() ? Json::object() : found->second;
    const std::string data = data_key(key);
    if (!notes_by_key.contains(data)) notes_by_key[data] = notes(data);
    measured.push_back(measured_from(std::move(row), database, key));
    measured.back().data_notes = notes_by_key[data];
  }
  return measured;
}

}  // namespace assay
