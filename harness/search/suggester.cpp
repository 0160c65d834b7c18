#include "harness/search/suggester.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <string>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "search_build.h"

namespace assay::search {
namespace fs = std::filesystem;
namespace {

/// The first answer waits for libraries to load, others for fits of some hundred points.
constexpr double kAnswerSeconds = 1800;

fs::path python_program() {
  const std::string named = environment_or("ASSAY_PYTHON", kDefaultPython);
  if (!named.empty() && ::access(named.c_str(), X_OK) == 0) return fs::absolute(named);
  throw MachineError(
      fmt::format("searcher ehvi: {}needs the Python environment; run ./scripts/setup, or set "
                  "ASSAY_PYTHON to a Python with the packages of requirements.txt",
                  named.empty() ? "" : named + ": no such program; "));
}

fs::path installed_library() {
  fs::path folder = search_library();
  if (fs::exists(folder / ".complete")) return folder;
  throw MachineError(
      fmt::format("searcher ehvi: the library that it asks is not at {}; run ./scripts/setup, or "
                  "choose another "
                  "searcher",
                  folder.string()));
}

/// Isolated (-I) as assay_tools: no folder of the caller's and no PYTHON* variable has a part in
/// it. Our packages come first, by their paths; -B writes nothing beside them.
std::vector<std::string> arguments(const fs::path& library) {
  constexpr const char* kStart =
      "import sys; sys.path[:0] = [sys.argv.pop(1), sys.argv.pop(1)]; "
      "from assay_search.__main__ import main; sys.exit(main())";
  return {"-I",
          "-B",
          "-X",
          "utf8",
          "-c",
          kStart,
          fs::absolute(share_folder() / "python").string(),
          fs::absolute(library).string()};
}

/// Nothing of it is read but what libraries need to run at all.
std::vector<std::string> environment() {
  std::vector<std::string> variables = {"LANG=C.UTF-8"};
  for (const char* name : {"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH"}) {
    const std::string value = environment_or(name, "");
    if (!value.empty()) variables.push_back(fmt::format("{}={}", name, value));
  }
  return variables;
}

Json objective_json(double value) { return std::isinf(value) ? Json("inf") : Json(value); }

Json pair_json(const Told& told) {
  return Json::array({told.asked.point, Json::array({objective_json(told.objectives[0]),
                                                     objective_json(told.objectives[1])})});
}

}  // namespace

fs::path search_library() { return assay_home() / (std::string("search-") + kSearchLock); }

Suggester::Suggester(const Space& space, std::uint64_t seed)
    : python_(python_program()), library_(installed_library()) {
  Json counts = Json::array();
  for (const Axis& axis : space.axes) counts.push_back(axis.values.size());
  opening_ = {{"counts", counts}, {"seed", seed}};
}

Point Suggester::suggest(const std::vector<Told>& history) {
  if (dialogue_ == nullptr) start();
  Json pairs = Json::array();
  for (; told_ < history.size(); ++told_) pairs.push_back(pair_json(history[told_]));
  return exchange({{"told", std::move(pairs)}}).at("point").get<Point>();
}

void Suggester::start() {
  ChildSpec spec;
  spec.program = python_;
  spec.arguments = arguments(library_);
  spec.environment = environment();
  spec.working_folder = "/";
  spec.timeout_seconds = kAnswerSeconds;
  dialogue_ = std::make_unique<Dialogue>(spec);
  exchange(opening_);
}

Json Suggester::exchange(const Json& question) {
  try {
    return parse_json(dialogue_->exchange(question.dump()));
  } catch (const DialogueError& error) {
    throw MachineError(fmt::format("searcher ehvi: {}", error.what()));
  } catch (const JsonError& error) {
    throw MachineError(fmt::format("searcher ehvi: no answer to read: {}", error.what()));
  }
}

}  // namespace assay::search
