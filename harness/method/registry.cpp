#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/method/method.h"

namespace assay {
namespace {

/// A refusal that nobody can lift would be a rule of the harness, not of the method.
void require_way_out(const MethodInfo& info) {
  const bool declared = std::any_of(info.params.begin(), info.params.end(), [](const auto& spec) {
    return spec.name == kAllowSuiteData && spec.type == ParamType::kBool;
  });
  if (info.needs.calibration_apart == declared) return;
  throw std::logic_error(info.name + ": needs.calibration_apart and a parameter '" +
                         kAllowSuiteData + "' of type bool go together");
}

/// Each form once, and only those that there are.
void require_known_training(const MethodInfo& info) {
  std::set<std::string> seen;
  for (const TrainingNeed& need : info.needs.training) {
    const bool known = need.data == kLabelledData || need.data == kTextData;
    if (known && seen.insert(need.data).second) continue;
    throw std::logic_error(info.name + ": needs.training names '" + need.data +
                           "'; allowed: labelled and text, each once");
  }
}

}  // namespace

void MethodRegistry::add(std::unique_ptr<Method> method) {
  const MethodInfo info = method->info();
  require_possible(info.needs.calibration_unless, info.params);
  for (const StageInfo& stage : info.stages) {
    require_possible(stage.when, info.params);
    require_possible(stage.timed_when, info.params);
  }
  require_way_out(info);
  require_known_training(info);
  const std::string& name = info.name;
  if (!methods_.emplace(name, std::move(method)).second) {
    throw std::logic_error("two methods are called '" + name + "'");
  }
}

const Method& MethodRegistry::get(const std::string& name) const {
  const auto found = methods_.find(name);
  if (found != methods_.end()) return *found->second;
  std::vector<std::string> known;
  for (const auto& entry : methods_) known.push_back(entry.first);
  throw UserError(unknown_name_message("method", name, known));
}

std::vector<const Method*> MethodRegistry::all() const {
  std::vector<const Method*> methods;
  for (const auto& entry : methods_) methods.push_back(entry.second.get());
  return methods;
}

}  // namespace assay
