#pragma once
// Strict reading of one JSON object: every key known, every type right.

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/json.h"

namespace assay {

/// View of an object during its reading. All errors are std::runtime_error that name the object.
class Fields {
 public:
  /// Throws unless `document` is an object whose keys are all among `allowed`.
  Fields(const Json& document, std::string what, std::initializer_list<std::string_view> allowed);

  [[nodiscard]] std::string text(const char* key) const;
  [[nodiscard]] std::int64_t integer(const char* key) const;
  [[nodiscard]] double real(const char* key) const;
  [[nodiscard]] bool boolean(const char* key) const;
  [[nodiscard]] const Json& object(const char* key) const;
  [[nodiscard]] const Json& array(const char* key) const;
  /// Absent or null: nothing.
  [[nodiscard]] std::optional<double> maybe_real(const char* key) const;
  [[nodiscard]] std::optional<bool> maybe_boolean(const char* key) const;
  [[nodiscard]] bool has(const char* key) const;
  [[noreturn]] void fail(const char* key, const std::string& problem) const;

 private:
  [[nodiscard]] const Json& at(const char* key) const;
  const Json& document_;
  std::string what_;
};

}  // namespace assay
