#pragma once
// Checksums of what is stored, so that a flip inside of a value is seen. Internal to harness/store.
//
// SHA-256 over every value of an attempt (or of a plan) in an order that is the same in every file:
// the attempt itself, then table by table (columns.h), by tag and convention where rows have a
// metric. A value is its column, its type and its bytes; NULL is nothing. So copies and imports
// have the checksum of what they were made from.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "harness/store/connection.h"

namespace assay {

class Checksums {
 public:
  explicit Checksums(Connection& connection) : connection_(connection) {}

  /// Of what is there now.
  std::string of_attempt(std::int64_t attempt);
  std::string of_plan(std::int64_t experiment);
  /// Keeps it beside the attempt or plan; inside of a transaction.
  void seal_attempt(std::int64_t attempt);
  void seal_plan(std::int64_t experiment);

 private:
  /// What the rows of a metric are found by, whatever its number in this file.
  const std::string& metric(std::int64_t id);

  Connection& connection_;
  std::map<std::int64_t, std::string> metrics_;
};

}  // namespace assay
