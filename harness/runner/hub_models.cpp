#include "harness/runner/hub_models.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/errors.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/tokenizer_files.h"
#include "harness/runner/tools.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

std::string cache_folder() { return fs::absolute(hub_cache()).string(); }

/// One call of the tool, and what it says meanwhile.
class Getting {
 public:
  Getting(const HubName& name, Progress& progress, const std::stop_token& stop)
      : name_(name), progress_(progress), stop_(stop) {}

  /// `part` as in hub_get of the tool.
  Json run(const std::string& part, const std::string& commit, bool check) {
    std::vector<std::string> arguments = {"hub-get",    "--repository", name_.repository,
                                          "--revision", name_.revision, "--commit",
                                          commit,       "--part",       part,
                                          "--cache",    cache_folder()};
    if (check) arguments.emplace_back("--check");
    const Json result = run_python_tool(arguments, stop_, [this](const Json& line) { say(line); });
    for (const Json& file : result.at("damaged")) {
      progress_.step(fmt::format("note: {}: {} was damaged and came anew", name_.repository,
                                 file.get<std::string>()));
    }
    return result;
  }

 private:
  void say(const Json& line) {
    const auto done = line.at("done").get<std::int64_t>();
    const auto total = line.at("total").get<std::int64_t>();
    progress_.live(fmt::format("{} of {}  {}", decimal_bytes(done), decimal_bytes(total),
                               line.at("what").get<std::string>()),
                   total > done ? decimal_bytes(total - done) + " left" : "");
  }

  const HubName& name_;
  Progress& progress_;
  std::stop_token stop_;
};

/// Throws UserError for a configuration that assay does not read.
void require_readable(const HubName& name, const fs::path& folder) {
  try {
    (void)Checkpoint::open(folder, false);
  } catch (const UserError& error) {
    throw UserError(
        fmt::format("{}: {}; its weights were not downloaded", name.text(), error.what()));
  }
}

void say_what_is_unusual(const fs::path& folder, bool weights, Progress& progress) {
  const Checkpoint checkpoint = Checkpoint::open(folder, weights);
  for (const ModelWarning& warning : checkpoint.warnings()) progress.step("note: " + warning.text);
  const std::string problem = tokenizer_problem(folder);
  if (!problem.empty()) progress.step("note: " + problem);
}

}  // namespace

std::vector<HubSize> hub_sizes(const std::vector<HubName>& names, std::stop_token stop) {
  if (names.empty()) return {};
  std::vector<std::string> arguments = {"hub-size", "--cache", cache_folder()};
  for (const HubName& name : names) arguments.insert(arguments.end(), {"--model", name.text()});
  const Json result = run_python_tool(arguments, std::move(stop));
  std::vector<HubSize> sizes;
  for (const Json& one : result.at("models")) {
    HubSize size;
    if (one.contains("missing")) size.bytes = one.at("missing").get<std::int64_t>();
    size.problem = one.value("problem", "");
    sizes.push_back(std::move(size));
  }
  return sizes;
}

GotHubModel get_hub_model(const HubName& name, const HubGet& how, Progress& progress,
                          const std::stop_token& stop) {
  Getting getting(name, progress, stop);
  progress.step(fmt::format("asking for {}", name.text()));
  const Json looked = getting.run("look", "", how.check);
  const auto commit = looked.at("commit").get<std::string>();
  const fs::path folder = looked.at("folder").get<std::string>();
  require_readable(name, folder);
  const auto missing = looked.at("missing").get<std::int64_t>();
  if (missing > 0 && !how.shape) {
    progress.step(fmt::format("getting {} (commit {}): {} of {} are to come", name.repository,
                              short_commit(commit), decimal_bytes(missing),
                              decimal_bytes(looked.at("bytes").get<std::int64_t>())));
  }
  const Json got = getting.run(how.shape ? "shape" : "all", commit, how.check);
  say_what_is_unusual(folder, !how.shape, progress);
  return {.folder = folder,
          .commit = commit,
          .bytes = got.at("bytes").get<std::int64_t>(),
          .came = looked.at("came").get<std::int64_t>() + got.at("came").get<std::int64_t>()};
}

}  // namespace assay
