#pragma once
// What results databases hold, as far as published values can be compared with it.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/store/store.h"

namespace assay {

/// One metric of one cell, or a cell that has none (status other than OK).
struct Measured {
  std::string database;
  ResultRow row;
  Json params = Json::object();         ///< of the method, without calibration
  Json calibration;                     ///< dataset, split, samples, tokens; null without
  Json suite_params = Json::object();   ///< batch, window, ...
  std::string device;                   ///< "cpu", "cuda"; "" when the database does not say
  std::vector<std::string> data_notes;  ///< what is wrong with the data behind it
};

/// Notes of prepared data by their key; empty where the data are not on this machine.
using DataNotes = std::function<std::vector<std::string>(const std::string& key)>;

/// From the manifests under assay_home()/prepared.
std::vector<std::string> notes_of_prepared_data(const std::string& key);

/// Cells of the newest plan of each experiment that have ended; in plan order.
std::vector<Measured> read_measured(const Store& store, const std::string& database,
                                    const DataNotes& notes);

}  // namespace assay
