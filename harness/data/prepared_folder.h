#pragma once
// A folder of prepared data (docs/formats/prepared_data.md), read by everyone through this: what is
// read is what its manifest vouches for.

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// What belongs beside every result made of the data: "items_truncated", "data_not_pinned", ...
struct DataNote {
  std::string code, text;
};

class PreparedFolder {
 public:
  /// Reads the manifest. Throws FileError where there is none, or one of another version.
  explicit PreparedFolder(std::filesystem::path folder);
  /// The same, of data in this form: "stream", "items" or "labelled". Throws FileError for another.
  PreparedFolder(std::filesystem::path folder, const std::string& format);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const Json& manifest() const { return manifest_; }
  [[nodiscard]] std::string format() const;
  /// "wikitext2/test", as far as the manifest says it.
  [[nodiscard]] std::string text_name() const;
  [[nodiscard]] std::vector<DataNote> notes() const;
  /// What the manifest counts: "tokens", "documents". Throws FileError where it does not.
  [[nodiscard]] std::size_t count(const std::string& key) const;

  /// The bytes of a file, held against its hash in the manifest. Throws FileError.
  [[nodiscard]] std::string read(const std::string& file) const;
  /// Its values, little-endian. Throws FileError where the bytes are no whole number of them, or,
  /// of the second, not so many as the manifest counts.
  template <typename Value>
  [[nodiscard]] std::vector<Value> read_array(const std::string& file) const {
    return values_in<Value>(read_sized(file, sizeof(Value)));
  }
  template <typename Value>
  [[nodiscard]] std::vector<Value> read_array(const std::string& file, std::size_t entries) const {
    return values_in<Value>(read_counted(file, entries, sizeof(Value)));
  }
  /// As read_array() with a count, as bytes: `entries` of `width`.
  [[nodiscard]] std::string read_counted(const std::string& file, std::size_t entries,
                                         std::size_t width) const;

  /// Throws FileError: "FOLDER/FILE: PROBLEM; remove its folder to have it prepared again".
  [[noreturn]] void fail(const std::string& file, const std::string& problem) const;

  /// Runs `read`. A missing key or a wrong type of a document becomes fail() of this file.
  template <typename Read>
  auto reading(const std::string& file, Read&& read) const {
    try {
      return std::forward<Read>(read)();
    } catch (const Json::exception& error) {
      fail(file, error.what());
    }
  }

 private:
  [[nodiscard]] std::string read_sized(const std::string& file, std::size_t width) const;
  template <typename Value>
  static std::vector<Value> values_in(const std::string& bytes) {
    std::vector<Value> values(bytes.size() / sizeof(Value));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }

  std::filesystem::path path_;
  Json manifest_;
};

}  // namespace assay
