#include <stdexcept>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/suite/suite.h"

namespace assay {

void SuiteRegistry::add(std::unique_ptr<SuiteKind> kind) {
  const std::string name = kind->info().name;
  if (!kinds_.emplace(name, std::move(kind)).second) {
    throw std::logic_error("suite kind '" + name + "' is registered twice");
  }
}

const SuiteKind& SuiteRegistry::get(const std::string& name) const {
  const auto found = kinds_.find(name);
  if (found != kinds_.end()) return *found->second;
  std::vector<std::string> known;
  for (const auto& [known_name, kind] : kinds_) known.push_back(known_name);
  throw UserError(unknown_name_message("suite kind", name, known));
}

std::vector<const SuiteKind*> SuiteRegistry::all() const {
  std::vector<const SuiteKind*> kinds;
  for (const auto& [name, kind] : kinds_) kinds.push_back(kind.get());
  return kinds;
}

}  // namespace assay
