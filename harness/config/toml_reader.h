#pragma once
// A strict reader of TOML tables: every key is asked for by name and type, what is left over is an
// error, and all errors are kept with their places. For those who read the project's TOML files.

#include <toml++/toml.h>

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/json.h"
#include "harness/config/experiment.h"

namespace assay {

/// Errors of one or several files.
class Problems {
 public:
  Problems() = default;
  /// Of a text that nobody sees: `origins` says what each of its lines comes from.
  explicit Problems(std::vector<std::string> origins) : origins_(std::move(origins)) {}
  /// The place in words: "x.toml:14:3", or what the line comes from.
  [[nodiscard]] std::string name(const SourcePlace& place) const;
  void add(const SourcePlace& place, const std::string& text);
  /// A message that already says its place in `file`, for instance that of the TOML parser.
  void add_line(const std::string& file, const std::string& line);
  [[nodiscard]] bool empty() const { return found_.empty(); }
  /// Nobody reads more than there are: what is added now is only known to be there, and whoever
  /// would search long for what to say need not.
  [[nodiscard]] bool full() const { return found_.size() >= kMost; }
  /// Throws UserError with one line a problem, sorted by file, line and column.
  void throw_if_any() const;

 private:
  struct Problem {
    SourcePlace place;
    std::string line;  ///< with its place
  };
  static constexpr std::size_t kMost = 100;
  void keep(const SourcePlace& place, const std::string& line);
  std::vector<Problem> found_;
  bool more_ = false;
  std::vector<std::string> origins_;
};

/// A parsed file. Throws UserError "file:line:column: ..." when it is missing or not TOML.
struct TomlDocument {
  explicit TomlDocument(const std::filesystem::path& path);
  /// Of a text; `name` stands for a file's, and `problems` say places.
  TomlDocument(const std::string& text, std::string name, const Problems& problems);
  std::string file;
  toml::table root;
};

/// Largest number that means something; what is computed with it stays finite.
inline constexpr double kMostNumber = 1e15;
/// Longest time that is waited for, in seconds (32 years): in nanoseconds it fits in 64 bits.
inline constexpr double kMostSeconds = 1e9;

/// Names of keys and the table header they belong to: {"seeds", "[experiment]"}.
using KeyHomes = std::map<std::string, std::string, std::less<>>;

/// A node as JSON. Dates, NaN and infinity have none: std::nullopt.
std::optional<Json> json_of(const toml::node& node);
/// Hash of what a file says, without comments and order of keys.
std::string sha256_of_toml(const toml::table& table);
SourcePlace place_of(const std::string& file, const toml::source_region& region);

class TableReader {
 public:
  /// `what` names the table in messages: "[experiment]", "method 'wanda'".
  TableReader(const toml::table& table, std::string file, std::string what, Problems& problems);

  [[nodiscard]] const std::string& what() const { return what_; }
  [[nodiscard]] SourcePlace place() const;
  /// Of the key's value, or of the table when the key is absent.
  [[nodiscard]] SourcePlace place(std::string_view key) const;
  /// The keys that are there, in the order of the file.
  [[nodiscard]] std::vector<std::string> keys() const;
  void rename(std::string what) { what_ = std::move(what); }

  /// The key's node, or null when absent; the key counts as known from now on.
  const toml::node* take(std::string_view key);
  /// Absent when the key is; also absent, with a problem, when type or range are wrong.
  std::optional<std::string> text(std::string_view key);
  /// As text(), and a problem when the key is absent; "" then.
  std::string required_text(std::string_view key);
  /// One of `allowed`.
  std::optional<std::string> word(std::string_view key, const std::vector<std::string>& allowed);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min,
                                      std::int64_t max = std::numeric_limits<std::int64_t>::max());
  std::optional<double> positive_number(std::string_view key, double max = kMostNumber);
  std::optional<std::vector<std::string>> texts(std::string_view key);
  std::optional<std::vector<std::int64_t>> integers(
      std::string_view key, std::int64_t min,
      std::int64_t max = std::numeric_limits<std::int64_t>::max());
  std::optional<TableReader> table(std::string_view key, const std::string& what);
  /// The elements of `[[key]]`.
  std::vector<TableReader> tables(std::string_view key);

  void problem(const SourcePlace& place, const std::string& text) { problems_.add(place, text); }
  /// "key = value is not allowed; give ALLOWED".
  void refuse(std::string_view key, const toml::node& value, const std::string& allowed);
  /// Reports the keys that nobody took.
  void finish(const KeyHomes& homes = {});
  [[nodiscard]] Problems& problems() { return problems_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const toml::table& node() const { return table_; }

 private:
  const toml::table& table_;
  std::string file_;
  std::string what_;
  Problems& problems_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace assay
