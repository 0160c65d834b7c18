#include "harness/search/search_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <string_view>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/base/write_failure.h"

namespace assay::search {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostDifferences = 5;

/// JSON has no infinity and no NaN.
Json number_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number_of(const Json& document) {
  if (!document.is_string()) return document.get<double>();
  const auto text = document.get<std::string>();
  if (text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (text == "inf") return std::numeric_limits<double>::infinity();
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  throw UserError(fmt::format("'{}' is no number", text));
}

Json evaluation_json(const Space& space, const Evaluation& evaluation) {
  Json document = {{"point", values_of(space, evaluation.point)},
                   {"fidelity", evaluation.fidelity},
                   {"objectives",
                    {number_json(evaluation.objectives[0]), number_json(evaluation.objectives[1])}},
                   {"seconds", evaluation.seconds}};
  if (!evaluation.details.is_null()) document["details"] = evaluation.details;
  return document;
}

Evaluation evaluation_of(const Space& space, const Json& document) {
  const Json& objectives = document.at("objectives");
  return {.point = point_from_values(space, document.at("point").get<std::vector<std::int64_t>>()),
          .fidelity = document.at("fidelity").get<double>(),
          .objectives = {number_of(objectives.at(0)), number_of(objectives.at(1))},
          .seconds = document.at("seconds").get<double>(),
          .details = document.value("details", Json())};
}

/// `read` of one line, with the line in the message when it cannot.
template <class Read>
auto at_line(const fs::path& path, std::size_t line, Read read) {
  const auto refuse = [&](const std::string& why) {
    return UserError(
        fmt::format("{}:{}: damaged: {}; remove this line and those after it, or the "
                    "whole file to search anew",
                    path.string(), line, why));
  };
  try {
    return read();
  } catch (const Json::exception& error) {
    throw refuse(error.what());
  } catch (const UserError& error) {
    throw refuse(error.what());
  }
}

std::vector<std::string_view> whole_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string shown(const Json& flat, const std::string& place) {
  return flat.contains(place) ? flat.at(place).dump() : "nothing";
}

void require_equal(const fs::path& path, const Json& logged, const Json& here) {
  if (logged == here) return;
  std::vector<std::string> texts = differences(logged, here);
  if (texts.size() > kMostDifferences) {
    const std::size_t more = texts.size() - kMostDifferences;
    texts.resize(kMostDifferences);
    texts.push_back(fmt::format("and {} more", more));
  }
  throw UserError(
      fmt::format("{}: the log of another search ({}); remove it, or choose another "
                  "folder",
                  path.string(), join(texts, "; ")));
}

}  // namespace

std::vector<std::string> differences(const Json& logged, const Json& here) {
  const Json was = logged.flatten(), is = here.flatten();
  std::set<std::string> places;
  for (const Json* flat : {&was, &is}) {
    for (const auto& entry : flat->items()) places.insert(entry.key());
  }
  std::vector<std::string> texts;
  for (const std::string& place : places) {
    const std::string before = shown(was, place), now = shown(is, place);
    if (before == now) continue;
    texts.push_back(fmt::format("{}: {} in the log, {} here",
                                place.empty() ? place : place.substr(1), before, now));
  }
  return texts;
}

SearchLog::SearchLog(const fs::path& folder, const Json& identity, const Space& space)
    : path_(ensure_folder(folder) / "search.jsonl") {
  open();
  try {
    read(identity, space);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

SearchLog::~SearchLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void SearchLog::open() {
  descriptor_ = ::open(path_.c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_write(path_, errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  ::close(descriptor_);
  throw MachineError(
      fmt::format("{}: another search writes here now; wait for it, or choose "
                  "another folder",
                  path_.string()));
}

void SearchLog::read(const Json& identity, const Space& space) {
  const std::string text = read_text_file(path_);
  const std::vector<std::string_view> lines = whole_lines(text);
  const auto whole = static_cast<off_t>(text.rfind('\n') + 1);
  if (::ftruncate(descriptor_, whole) != 0) fail_write(path_, errno);
  if (lines.empty()) return write_line(identity);
  require_equal(path_, at_line(path_, 1, [&] { return parse_json(lines[0]); }), identity);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    recorded_.push_back(
        at_line(path_, i + 1, [&] { return evaluation_of(space, parse_json(lines[i])); }));
  }
}

void SearchLog::append(const Space& space, const Evaluation& evaluation) {
  if (descriptor_ >= 0) write_line(evaluation_json(space, evaluation));
}

void SearchLog::write_line(const Json& document) {
  const std::string line = document.dump() + "\n";
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t written = ::write(descriptor_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_write(path_, errno);
    done += static_cast<std::size_t>(written);
  }
}

}  // namespace assay::search
