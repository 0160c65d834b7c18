#include "harness/cli/completing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>

#include "harness/base/errors.h"
#include "harness/checkpoint/hub_cache.h"
#include "harness/cli/help.h"
#include "reports/report.h"

namespace assay {
namespace {

constexpr std::array kKinds = {"METHOD",  "MODEL",   "REPOSITORY", "SUITE",
                               "PROFILE", "DATASET", "FORMAT",     "NAME"};

template <typename Entries, typename Name>
void add_names(std::set<std::string>& names, const Entries& entries, Name name) {
  for (const auto& entry : entries) names.insert(entry.*name);
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// The kind in the option's type ("DATASET"), else that of its name ("--method").
std::string kind_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  std::vector<std::string> said = {type.substr(0, type.find(':'))};
  for (const std::string& name : option.get_lnames()) said.push_back(upper(name));
  for (const std::string& word : said) {
    if (std::ranges::find(kKinds, word) != kKinds.end()) return word;
  }
  return "";
}

/// Those of an option that takes one of a few words: its type ends in "{a,b}".
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  std::vector<std::string> choices;
  std::size_t start = type.find('{');
  while (start != std::string::npos && start + 1 < type.size()) {
    const std::size_t end = std::min(type.find_first_of(",}", start + 1), type.size());
    choices.push_back(type.substr(start + 1, end - start - 1));
    start = end < type.size() && type[end] == ',' ? end : std::string::npos;
  }
  return choices;
}

std::vector<std::string> with_prefix(const std::string& prefix, std::vector<std::string> words,
                                     const std::string& suffix = "") {
  for (std::string& word : words) word = fmt::format("{}{}{}", prefix, word, suffix);
  return words;
}

/// Of the method or suite; none for an unknown one.
std::vector<ParamSpec> params_of(const Catalogue& catalogue, const std::string& kind,
                                 const std::string& name) {
  try {
    if (kind == "METHOD") return catalogue.method(name).params;
    if (kind == "SUITE") return catalogue.suite_kind(catalogue.suite(name).kind).params;
  } catch (const UserError&) {  // NOLINT(bugprone-empty-catch): nothing is known of it
  }
  return {};
}

/// "wanda:" becomes "wanda:sparsity=", "wanda:sparsity=0.5,pat" becomes "...,pattern=", and
/// "wanda+fine" becomes "wanda+finetune".
std::vector<std::string> values_of_kind(const std::string& kind, const std::string& typed) {
  const bool models = kind == "MODEL" || kind == "REPOSITORY" || kind == "NAME";
  const Catalogue catalogue = models ? load_catalogue_with_hub_cache() : load_catalogue();
  if (is_hub_id(typed)) return names_of_kind(catalogue, kind);
  const std::size_t plus = kind == "METHOD" ? typed.rfind('+') : std::string::npos;
  const std::size_t begin = plus == std::string::npos ? 0 : plus + 1;
  const std::size_t colon = typed.find(':', begin);
  if (colon == std::string::npos) {
    return with_prefix(typed.substr(0, begin), names_of_kind(catalogue, kind));
  }
  std::vector<std::string> names;
  for (const ParamSpec& spec : params_of(catalogue, kind, typed.substr(begin, colon - begin))) {
    names.push_back(spec.name);
  }
  return with_prefix(typed.substr(0, typed.find_last_of(":,") + 1), std::move(names), "=");
}

std::vector<std::string> values_of(const CLI::Option& option, const std::string& typed) {
  std::vector<std::string> choices = choices_of(option);
  if (!choices.empty()) return choices;
  const std::string kind = kind_of(option);
  return kind.empty() ? choices : values_of_kind(kind, typed);
}

const CLI::App* below(const CLI::App& command, const std::string& name) {
  for (const CLI::App* inner : command.get_subcommands({})) {
    if (inner->get_name() == name) return inner;
  }
  return nullptr;
}

/// Where a line stands after its finished words.
struct Position {
  const CLI::App* command;
  const CLI::Option* open = nullptr;  ///< an option that waits for its value
  std::size_t arguments = 0;          ///< of the command, before this word
};

void take(Position& position, const std::string& word) {
  if (position.open != nullptr) {
    position.open = nullptr;
  } else if (word.starts_with("-")) {
    const CLI::Option* option = position.command->get_option_no_throw(word);
    if (option != nullptr && option->get_items_expected_max() > 0) position.open = option;
  } else if (const CLI::App* inner = below(*position.command, word)) {
    position.command = inner;
  } else {
    ++position.arguments;
  }
}

std::vector<std::string> options_of(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

/// Values of `--option=`.
std::vector<std::string> joined_values(const CLI::App& command, const std::string& word) {
  const std::size_t equals = word.find('=');
  const CLI::Option* option = command.get_option_no_throw(word.substr(0, equals));
  if (option == nullptr) return {};
  return with_prefix(word.substr(0, equals + 1), values_of(*option, word.substr(equals + 1)));
}

/// The command's argument of this number; the last one where it takes any number.
const CLI::Option* argument_of(const CLI::App& command, std::size_t number) {
  std::vector<const CLI::Option*> arguments;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) arguments.push_back(option);
  }
  if (arguments.empty()) return nullptr;
  if (number < arguments.size()) return arguments[number];
  return arguments.back()->get_items_expected_max() > 1 ? arguments.back() : nullptr;
}

std::vector<std::string> words_at(const Position& position, const std::string& typed) {
  if (position.open != nullptr) return values_of(*position.open, typed);
  if (typed.starts_with("--") && typed.find('=') != std::string::npos) {
    return joined_values(*position.command, typed);
  }
  if (typed.starts_with("-")) return options_of(*position.command);
  std::vector<std::string> words;
  for (const CLI::App* inner : position.command->get_subcommands({})) {
    words.push_back(inner->get_name());
  }
  const CLI::Option* argument = argument_of(*position.command, position.arguments);
  if (words.empty() && argument != nullptr) return values_of(*argument, typed);
  return words;
}

}  // namespace

std::vector<std::string> names_of_kind(const Catalogue& catalogue, const std::string& kind) {
  std::set<std::string> names;
  const bool any = kind == "NAME";
  if (any || kind == "METHOD") add_names(names, catalogue.methods, &MethodEntry::name);
  if (any || kind == "MODEL") add_names(names, catalogue.models, &ModelEntry::name);
  if (kind == "REPOSITORY") {
    for (const ModelEntry& model : catalogue.models) {
      if (!model.hub.empty() || is_hub_id(model.name)) names.insert(model.name);
    }
  }
  if (any || kind == "SUITE") add_names(names, catalogue.suites, &SuiteEntry::id);
  if (any || kind == "PROFILE") add_names(names, catalogue.profiles, &ProfileEntry::id);
  if (any || kind == "DATASET") add_names(names, catalogue.datasets, &DatasetEntry::name);
  if (kind == "FORMAT") {
    const std::vector<std::string> formats = report_formats();
    names.insert(formats.begin(), formats.end());
  }
  return {names.begin(), names.end()};
}

std::vector<std::string> completions(const CLI::App& program,
                                     const std::vector<std::string>& words) {
  if (words.empty()) return {};
  Position position{&program};
  for (std::size_t i = 0; i + 1 < words.size(); ++i) take(position, words[i]);
  std::vector<std::string> found = words_at(position, words.back());
  std::erase_if(found, [&](const std::string& word) { return !word.starts_with(words.back()); });
  return found;
}

}  // namespace assay
