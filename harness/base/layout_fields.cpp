#include "harness/base/layout_fields.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include "harness/base/errors.h"

namespace assay {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts(1);
  for (const char letter : text) {
    if (letter == ',') {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

}  // namespace

const std::vector<std::string>& layout_field_names() {
  static const std::vector<std::string> kNames = {
      "experiment", "metric", "method", "model", "profile", "seed", "setting", "status", "suite"};
  return kNames;
}

bool matches_glob(const std::string& glob, const std::string& text) {
  return ::fnmatch(glob.c_str(), text.c_str(), 0) == 0;
}

Condition parse_condition(const std::string& text) {
  const std::size_t at = text.find_first_of("=<>!");
  std::size_t end = at;
  while (end < text.size() && std::string("=<>!").find(text[end]) != std::string::npos) ++end;
  const std::string op = at == std::string::npos ? "" : text.substr(at, end - at);
  for (const char* known : {"=", "!=", "<", "<=", ">", ">="}) {
    if (op != known || at == 0) continue;
    const std::string values = text.substr(end);
    const bool list = op == "=" || op == "!=";
    return {text.substr(0, at), op, list ? split(values) : std::vector{values}};
  }
  throw UserError(fmt::format(
      "'{}' is no condition; write FIELD=VALUE, with = (several values: a,b), !=, <, <=, > or >=",
      text));
}

}  // namespace assay
