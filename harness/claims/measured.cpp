#include "harness/claims/measured.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

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
  measured.params = parse_json(row.params, database);
  measured.suite_params = parse_json(row.suite_params, database);
  measured.calibration = calibration_of(measured.params.value("calibration", Json()), key);
  measured.params.erase("calibration");
  measured.device = device_class(key);
  measured.row = std::move(row);
  return measured;
}

/// What was remarked of the data behind each cell, by its key.
using DataNotes = std::map<std::string, std::vector<std::string>>;

DataNotes data_notes(const Store& store) {
  DataNotes notes;
  for (const std::string& experiment : store.experiments()) {
    for (const Remark& remark : store.remarks(experiment)) {
      if (!remark.code.starts_with("data_")) continue;
      std::vector<std::string>& texts = notes[remark.cell_key];
      if (std::ranges::count(texts, remark.text) == 0) texts.push_back(remark.text);
    }
  }
  return notes;
}

bool has_ended(const ResultRow& row) { return row.status != "QUEUED" && row.status != "RUNNING"; }

}  // namespace

std::vector<Measured> read_measured(const Store& store, const std::string& database) {
  std::vector<ResultRow> rows = store.results("");
  const std::map<std::string, Json> keys = key_documents(store, rows);
  const DataNotes notes = data_notes(store);
  std::vector<Measured> measured;
  for (ResultRow& row : rows) {
    if (!has_ended(row)) continue;
    const auto key = keys.find(row.cell_key);
    const auto found = notes.find(row.cell_key);
    measured.push_back(
        measured_from(std::move(row), database, key == keys.end() ? Json::object() : key->second));
    if (found != notes.end()) measured.back().data_notes = found->second;
  }
  return measured;
}

}  // namespace assay
