#include "reports/environment_lines.h"

#include <array>
#include <set>

namespace assay {
namespace {

struct Field {
  const char* pointer;
  const char* before;
  const char* after = "";
};

/// Fields of the worker's hello, in the order of the line.
constexpr std::array kFields = {Field{"/cpu/model", ""},
                                Field{"/gpu/name", ""},
                                Field{"/torch/threads", "threads "},
                                Field{"/container/cpu_quota_cores", "CPU quota ", " cores"},
                                Field{"/torch/version", "torch "},
                                Field{"/torch/cpu_capability", ""},
                                Field{"/build/version", "assay "},
                                Field{"/build/commit", "commit "},
                                Field{"/build/compiler", ""},
                                Field{"/build/build_type", ""}};

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_number() ? value.dump() : "";
}

}  // namespace

std::vector<std::string> environment_lines(const std::vector<Json>& environments) {
  std::set<std::string> lines;
  for (const Json& environment : environments) {
    std::string line;
    for (const Field& field : kFields) {
      const Json::json_pointer path(field.pointer);
      const std::string text =
          environment.contains(path) ? text_of(environment.at(path)) : std::string();
      if (!text.empty()) line += (line.empty() ? "" : ", ") + (field.before + text + field.after);
    }
    if (!line.empty()) lines.insert(line);
  }
  return {lines.begin(), lines.end()};
}

}  // namespace assay
