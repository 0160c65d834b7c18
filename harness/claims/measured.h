#pragma once
// What results databases hold, as far as published values can be compared with it.

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

/// Cells of the newest plan of each experiment that have ended; in plan order. What is wrong with
/// their data are the remarks with a code `data_...` that the database holds.
std::vector<Measured> read_measured(const Store& store, const std::string& database);

}  // namespace assay
