#include "harness/base/training_need.h"

#include <algorithm>

#include "harness/base/text.h"

namespace assay {

const TrainingNeed* find_training(const std::vector<TrainingNeed>& needs, const std::string& data) {
  const auto found = std::find_if(needs.begin(), needs.end(),
                                  [&](const TrainingNeed& need) { return need.data == data; });
  return found == needs.end() ? nullptr : &*found;
}

std::string training_forms(const std::vector<TrainingNeed>& needs) {
  std::vector<std::string> forms;
  for (const TrainingNeed& need : needs) forms.push_back(need.data);
  return join(forms, " or ");
}

Json to_json(const std::vector<TrainingNeed>& needs) {
  Json list = Json::array();
  for (const TrainingNeed& need : needs) {
    list.push_back(
        {{"data", need.data}, {"requires", to_json(need.requires_)}, {"changes", need.changes}});
  }
  return list;
}

std::vector<TrainingNeed> training_needs_from_json(const Json& list) {
  std::vector<TrainingNeed> needs;
  for (const Json& one : list) {
    needs.push_back({.data = one.at("data").get<std::string>(),
                     .requires_ = requirements_from_json(one.at("requires")),
                     .changes = one.at("changes").get<std::vector<std::string>>()});
  }
  return needs;
}

}  // namespace assay
