#pragma once
// What a file to import holds, in the store's words; what formats make.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/store/imported_attempt.h"
#include "harness/store/store.h"

namespace assay {

inline constexpr std::int64_t kMostWhole = 1'000'000'000'000'000;  // a double holds each

/// All that is wrong with a file, to be told at once.
class ImportProblems {
 public:
  explicit ImportProblems(std::string file) : file_(std::move(file)) {}
  void add(std::size_t line, const std::string& what);
  /// Of a document: where in it ("results.piqa.acc,none"), or "" for all of it.
  void add(const std::string& place, const std::string& what);
  [[nodiscard]] bool any() const { return count_ > 0; }
  /// Throws UserError with all of them, if there are any.
  void refuse() const;

 private:
  static constexpr std::size_t kMost = 100;  // nobody reads more
  void add_text(const std::string& text);
  std::string file_, text_;
  std::size_t count_ = 0;
};

struct ImportedCell {
  PlannedCell cell;
  OutcomeReason outcome = {Outcome::kOk, "", ""};
  ImportedAttempt measured = {};
};

struct ImportContent {
  std::string format;
  std::string source;  ///< the file's name with the beginning of the hash, which tells it apart
  std::string hash;    ///< of everything that was read
  Json facts = Json::object();        ///< what the file says of its making; kept with the plan
  std::vector<std::string> left_out;  ///< what became no value, and why
  std::vector<ImportedCell> cells;
};

/// What identifies a cell of an imported file.
struct ImportedNames {
  std::string model, method, suite;
  Json params = Json::object(), suite_params = Json::object();
  std::uint64_t seed = 0;
  bool random_weights = false, limited = false;
};

PlannedCell imported_cell(const ImportedNames& names, const std::string& hash);

/// "imported from SOURCE", with the file's own words behind it: so it stays readable, and is never
/// the convention of a measured value.
std::string imported_convention(const std::string& source, const std::string& own = "");

/// Why no measurement can have given this value; "" where one can.
std::string impossible_value(const MetricValue& value, const MetricDef& definition);

/// A whole number from `least` to `most`, out of a document; nothing for anything else.
std::optional<std::int64_t> whole_number(const Json& value, std::int64_t least, std::int64_t most);

}  // namespace assay
