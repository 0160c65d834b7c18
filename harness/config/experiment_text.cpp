#include "harness/config/experiment_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "harness/base/dense_method.h"
#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/base/text.h"
#include "harness/config/experiment_blocks.h"
#include "harness/config/setting_text.h"
#include "harness/config/toml_reader.h"
#include "harness/config/toml_value.h"

namespace assay {
namespace {

constexpr const char* kCalibration = "calibration";
constexpr std::size_t kDigitsOfName = 8;

/// Lines of a file, each with the option behind it.
struct Lines {
  std::string text;
  std::vector<std::string> origins;

  void add(const std::string& line, const std::string& origin) {
    text += line + "\n";
    origins.push_back(origin);
  }
  void add(const Lines& more) {
    text += more.text;
    origins.insert(origins.end(), more.origins.begin(), more.origins.end());
  }
};

void add_block(Lines& lines, const std::string& header, const NamedSettings& block,
               const std::string& origin) {
  lines.add("", origin);
  lines.add("[[" + header + "]]", origin);
  lines.add("id = " + toml_quoted(block.name), origin);
  for (const auto& [key, value] : block.settings)
    lines.add(fmt::format("{} = {}", key, value), origin);
}

/// The split that a data set has for calibrating, else the one for training; "" for neither.
std::string usual_split(const std::string& dataset, const Catalogue& catalogue) {
  for (const DatasetEntry& entry : catalogue.datasets) {
    if (entry.name != dataset) continue;
    for (const char* split : {kCalibration, "train"}) {
      if (std::ranges::find(entry.splits, split) != entry.splits.end()) return split;
    }
  }
  return "";
}

/// True when some setting of the method, as it is asked for, looks at calibration data. False,
/// too, for one that is refused, which reading says.
bool calibrates(const NamedSettings& method, const Catalogue& catalogue) {
  Lines lines;
  add_block(lines, "method", method, "");
  try {
    const toml::table table = toml::parse(std::string_view(lines.text));
    Problems problems;
    TableReader root(table, "", "", problems);
    return std::ranges::any_of(read_methods(root.tables("method"), catalogue),
                               [](const MethodChoice& one) { return one.calibration.has_value(); });
  } catch (const toml::parse_error&) {
    return false;
  }
}

/// --calibration, for every method that calibrates and says nothing of it itself.
class SharedCalibration {
 public:
  SharedCalibration(const std::string& asked, const Catalogue& catalogue)
      : catalogue_(catalogue), origin_("--calibration " + asked) {
    if (asked.empty()) return;
    NamedSettings data = parse_settings("--calibration", asked);
    const std::string split = usual_split(data.name, catalogue);
    if (!data.sets("split") && !split.empty())
      data.settings.emplace_back("split", toml_quoted(split));
    std::vector<std::string> members = {"dataset = " + toml_quoted(data.name)};
    for (const auto& [key, value] : data.settings)
      members.push_back(fmt::format("{} = {}", key, value));
    line_ = fmt::format("{} = {{ {} }}", kCalibration, join(members, ", "));
  }

  void add_to(Lines& lines, const NamedSettings& method) {
    if (line_.empty() || method.sets(kCalibration) || !calibrates(method, catalogue_)) return;
    lines.add(line_, origin_);
    used_ = true;
  }
  [[nodiscard]] std::string unused() const {
    if (line_.empty() || used_) return "";
    return origin_ + ": every method uses no calibration data, or names its own; leave it out";
  }

 private:
  const Catalogue& catalogue_;
  std::string origin_, line_;
  bool used_ = false;
};

void add_chain(Lines& lines, const std::vector<NamedSettings>& chain, const std::string& origin,
               SharedCalibration& calibration) {
  std::string header = "method";
  for (const NamedSettings& link : chain) {
    add_block(lines, header, link, origin);
    calibration.add_to(lines, link);
    header = "method.then";
  }
}

void add_methods(Lines& lines, const AskedExperiment& asked, SharedCalibration& calibration) {
  std::vector<std::vector<NamedSettings>> chains;
  for (const std::string& text : asked.methods) chains.push_back(parse_chain("--method", text));
  const bool dense =
      std::ranges::any_of(chains, [](const auto& chain) { return chain.front().name == kDense; });
  if (asked.twin && !dense) add_block(lines, "method", {kDense}, kAddedTwin);
  for (std::size_t i = 0; i < chains.size(); ++i) {
    add_chain(lines, chains[i], "--method " + asked.methods[i], calibration);
  }
}

/// The name of a folder may hold a colon.
NamedSettings model_of(const std::string& text) {
  if (text.find('=') == std::string::npos) return {text};
  return parse_settings("--model", text);
}

std::string title_of(const AskedExperiment& asked) {
  const std::string methods = asked.methods.empty() ? kDense : join(asked.methods, ", ");
  return methods + " on " + join(asked.models, ", ");
}

/// "--seed 1 --seed 2"
template <typename Values>
std::string repeated(const char* flag, const Values& values) {
  std::string text;
  for (const auto& value : values)
    text += fmt::format("{}{} {}", text.empty() ? "" : " ", flag, value);
  return text;
}

/// Of [experiment], but for the name.
Lines header_of(const AskedExperiment& asked) {
  Lines lines;
  lines.add("title = " + toml_quoted(title_of(asked)), "the title");
  if (!asked.seeds.empty()) {
    lines.add(fmt::format("seeds = [{}]", fmt::join(asked.seeds, ", ")),
              repeated("--seed", asked.seeds));
  }
  const auto add_texts = [&](const char* key, const char* flag, const auto& values) {
    std::vector<std::string> quoted;
    for (const std::string& value : values) quoted.push_back(toml_quoted(value));
    if (quoted.empty()) return;
    lines.add(fmt::format("{} = [{}]", key, join(quoted, ", ")), repeated(flag, values));
  };
  add_texts("profiles", "--profile", asked.profiles);
  add_texts("plugins", "--plugin", asked.plugins);
  return lines;
}

/// All else is in the name, so that two questions never share one by chance.
std::string name_of(const AskedExperiment& asked, const Lines& rest) {
  if (!asked.name.empty()) return asked.name;
  return "line-" + sha256_hex(rest.text).substr(0, kDigitsOfName);
}

void name_place(SourcePlace& place, const Problems& problems) {
  place = {problems.name(place), 0, 0};
}

/// From lines of a text that nobody sees to options.
void name_places(Experiment& experiment, const Problems& problems) {
  for (ModelChoice& model : experiment.models) name_place(model.place, problems);
  for (SuiteChoice& suite : experiment.suites) name_place(suite.place, problems);
  for (MethodChoice& method : experiment.methods) {
    for (std::size_t i = 0; i <= method.then.size(); ++i)
      name_place(method.link(i).place, problems);
  }
}

}  // namespace

ExperimentText experiment_text(const AskedExperiment& asked, const Catalogue& catalogue) {
  SharedCalibration calibration(asked.calibration, catalogue);
  Lines rest = header_of(asked);
  for (const std::string& text : asked.models) {
    add_block(rest, "model", model_of(text), "--model " + text);
  }
  add_methods(rest, asked, calibration);
  for (const std::string& text : asked.suites) {
    add_block(rest, "suite", parse_settings("--suite", text), "--suite " + text);
  }
  const std::string name = name_of(asked, rest);
  Lines lines;
  lines.add("[experiment]", "--name " + name);
  lines.add("name = " + toml_quoted(name), "--name " + name);
  lines.add(rest);
  return {lines.text, lines.origins, calibration.unused()};
}

Experiment read_experiment(const ExperimentText& text, const Catalogue& catalogue) {
  Problems problems(text.origins);
  const TomlDocument document(text.text, "the command line", problems);
  Experiment experiment = read_document(document, catalogue, problems);
  if (!text.unused.empty()) throw UserError(text.unused);
  name_places(experiment, problems);
  return experiment;
}

}  // namespace assay
