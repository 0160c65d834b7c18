#include "harness/base/requirement.h"

namespace assay {

Json to_json(const std::vector<Requirement>& requirements) {
  Json list = Json::array();
  for (const Requirement& one : requirements) {
    list.push_back({{"trait", one.trait}, {"op", one.op}, {"value", one.value}});
    if (!one.advice.empty()) list.back()["advice"] = one.advice;
  }
  return list;
}

std::vector<Requirement> requirements_from_json(const Json& list) {
  std::vector<Requirement> requirements;
  for (const Json& one : list) {
    requirements.push_back({one.at("trait").get<std::string>(), one.at("op").get<std::string>(),
                            one.at("value"), one.value("advice", "")});
  }
  return requirements;
}

}  // namespace assay
