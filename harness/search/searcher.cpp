#include "harness/search/searcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/base/errors.h"
#include "harness/base/text.h"
#include "harness/search/searcher_table.h"

namespace assay::search {
namespace {

struct Setting {
  const char* name;
  std::int64_t SearcherSettings::*member;
  std::int64_t least;
};

constexpr std::array kSettings = {
    Setting{"evaluations", &SearcherSettings::evaluations, 1},
    Setting{"population", &SearcherSettings::population, 2},
    Setting{"sample", &SearcherSettings::sample, 1},
    Setting{"bins", &SearcherSettings::bins, 1},
    Setting{"offspring", &SearcherSettings::offspring, 1},
};

bool looks_at(const SearcherInfo& info, const std::string& setting) {
  return std::find(info.settings.begin(), info.settings.end(), setting) != info.settings.end();
}

void check_targets(const SearcherInfo& info, const std::vector<double>& targets,
                   std::vector<std::string>& problems) {
  if (targets.empty()) {
    problems.push_back(fmt::format("searcher {}: give at least one size in targets", info.name));
  }
  for (const double target : targets) {
    if (target > 0 && target <= 1) continue;
    problems.push_back(fmt::format("searcher {}: target {} is no size; allowed: above 0, at most 1",
                                   info.name, target));
  }
}

}  // namespace

const SearcherInfo& searcher(const std::string& name) {
  for (const SearcherInfo& info : searcher_table()) {
    if (info.name == name) return info;
  }
  throw UserError(unknown_name_message("searcher", name, searcher_names()));
}

std::vector<std::string> searcher_names() {
  std::vector<std::string> names;
  for (const SearcherInfo& info : searcher_table()) names.push_back(info.name);
  std::sort(names.begin(), names.end());
  return names;
}

void require_settings(const SearcherInfo& info, const SearcherSettings& settings) {
  std::vector<std::string> problems;
  for (const Setting& setting : kSettings) {
    const bool always = setting.member == &SearcherSettings::evaluations;
    if (!always && !looks_at(info, setting.name)) continue;
    if (settings.*setting.member >= setting.least) continue;
    problems.push_back(fmt::format("searcher {}: {} is {}; at least {} is needed", info.name,
                                   setting.name, settings.*setting.member, setting.least));
  }
  if (looks_at(info, "targets")) check_targets(info, settings.targets, problems);
  if (!problems.empty()) throw UserError(problems);
}

Json searcher_identity(const SearcherInfo& info, const SearcherSettings& settings) {
  Json identity = {{"name", info.name}, {"revision", info.revision}, {"seed", settings.seed}};
  for (const Setting& setting : kSettings) {
    if (looks_at(info, setting.name)) identity[setting.name] = settings.*setting.member;
  }
  if (looks_at(info, "targets")) identity["targets"] = settings.targets;
  return identity;
}

}  // namespace assay::search
