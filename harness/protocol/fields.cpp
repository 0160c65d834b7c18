#include "harness/protocol/fields.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <utility>

namespace assay {

Fields::Fields(const Json& document, std::string what,
               std::initializer_list<std::string_view> allowed)
    : document_(document), what_(std::move(what)) {
  if (!document.is_object()) throw std::runtime_error(what_ + ": not an object");
  for (const auto& [key, value] : document.items()) {
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      fail(key.c_str(), "is unknown");
    }
  }
}

void Fields::fail(const char* key, const std::string& problem) const {
  throw std::runtime_error(what_ + ": '" + key + "' " + problem);
}

bool Fields::has(const char* key) const {
  const auto found = document_.find(key);
  return found != document_.end() && !found->is_null();
}

const Json& Fields::at(const char* key) const {
  const auto found = document_.find(key);
  if (found == document_.end()) fail(key, "is missing");
  return *found;
}

std::string Fields::text(const char* key) const {
  const Json& value = at(key);
  if (!value.is_string()) fail(key, "is not a text");
  return value.get<std::string>();
}

std::int64_t Fields::integer(const char* key) const {
  const Json& value = at(key);
  if (!value.is_number_integer()) fail(key, "is not an integer");
  constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();
  // Compared as documents, both would be signed numbers first.
  if (value.is_number_unsigned() && std::cmp_greater(value.get<std::uint64_t>(), kLargest)) {
    fail(key, "is beyond 64 bits");
  }
  return value.get<std::int64_t>();
}

double Fields::real(const char* key) const {
  const Json& value = at(key);
  if (!value.is_number()) fail(key, "is not a number");
  return value.get<double>();
}

bool Fields::boolean(const char* key) const {
  const Json& value = at(key);
  if (!value.is_boolean()) fail(key, "is not a boolean");
  return value.get<bool>();
}

const Json& Fields::object(const char* key) const {
  const Json& value = at(key);
  if (!value.is_object()) fail(key, "is not an object");
  return value;
}

const Json& Fields::array(const char* key) const {
  const Json& value = at(key);
  if (!value.is_array()) fail(key, "is not an array");
  return value;
}

std::optional<double> Fields::maybe_real(const char* key) const {
  return has(key) ? std::optional(real(key)) : std::nullopt;
}

std::optional<bool> Fields::maybe_boolean(const char* key) const {
  return has(key) ? std::optional(boolean(key)) : std::nullopt;
}

}  // namespace assay
