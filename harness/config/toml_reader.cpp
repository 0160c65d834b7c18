#include "harness/config/toml_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string_view>
#include <tuple>

#include "harness/base/display.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/text.h"
#include "harness/config/toml_keys.h"

namespace assay {
namespace {

constexpr std::size_t kShownColumns = 60;
constexpr std::size_t kLongestText = std::size_t{64} << 10;
constexpr std::size_t kLongestArray = 100'000;

std::string shown(const toml::node& node) {
  if (const auto value = json_of(node)) {
    return cut(value->dump(-1, ' ', false, Json::error_handler_t::replace), kShownColumns);
  }
  std::ostringstream text;  // a date, NaN or infinity: as TOML writes it
  node.visit([&text](const auto& typed) { text << typed; });
  return cut(text.str(), kShownColumns);
}

/// Far beyond any experiment, and read in a moment.
constexpr std::size_t kMostBytes = std::size_t{16} << 20;

std::string read_bounded(const std::filesystem::path& path) {
  std::string text = read_text_file(path, kMostBytes + 1);
  if (text.size() <= kMostBytes) return text;
  throw UserError(fmt::format("{}: is larger than {} MiB; a file of settings has some kilobytes",
                              path.string(), kMostBytes >> 20U));
}

/// What else is asked of an array that is too long; null: of what is none.
std::string longest_text(const toml::array* array) {
  const bool too_long = array != nullptr && array->size() > kLongestArray;
  return too_long ? fmt::format(" and has at most {} values", kLongestArray) : "";
}

std::string range_text(std::int64_t min, std::int64_t max) {
  const bool open = max == std::numeric_limits<std::int64_t>::max();
  return open ? fmt::format(">= {}", min) : fmt::format("in [{}, {}]", min, max);
}

toml::table parse(const std::string& text, const std::string& file, const Problems& problems) {
  if (const std::size_t line = line_of_long_key(text); line > 0) {
    throw UserError(fmt::format("{}: a name of more than {} parts; allowed: {}",
                                problems.name({file, static_cast<std::uint32_t>(line), 1}),
                                kMostKeyParts, kMostKeyParts));
  }
  try {
    return toml::parse(std::string_view(text), std::string_view(file));
  } catch (const toml::parse_error& error) {
    throw UserError(fmt::format("{}: not valid TOML: {}",
                                problems.name(place_of(file, error.source())),
                                error.description()));
  }
}

}  // namespace

std::string SourcePlace::text() const {
  return line == 0 ? file : fmt::format("{}:{}:{}", file, line, column);
}

std::string Problems::name(const SourcePlace& place) const {
  const bool known = place.line > 0 && place.line <= origins_.size();
  return known ? origins_[place.line - 1] : place.text();
}

void Problems::add(const SourcePlace& place, const std::string& text) {
  keep(place, fmt::format("{}: {}", name(place), text));
}

void Problems::keep(const SourcePlace& place, const std::string& line) {
  more_ = more_ || full();
  if (!full()) found_.push_back({place, line});
}

void Problems::add_line(const std::string& file, const std::string& line) {
  keep({file, 0, 0}, line);
}

void Problems::throw_if_any() const {
  if (found_.empty()) return;
  std::vector<Problem> sorted = found_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.place.file, a.place.line, a.place.column) <
           std::tie(b.place.file, b.place.line, b.place.column);
  });
  std::vector<std::string> lines;
  lines.reserve(sorted.size());
  for (const Problem& problem : sorted) {
    // An axis finds a problem once for each of its values.
    if (lines.empty() || lines.back() != problem.line) lines.push_back(problem.line);
  }
  if (more_) lines.emplace_back("and more; these first");
  throw UserError(lines);
}

TomlDocument::TomlDocument(const std::filesystem::path& path)
    : file(path.string()), root(parse(read_bounded(path), file, {})) {}

TomlDocument::TomlDocument(const std::string& text, std::string name, const Problems& problems)
    : file(std::move(name)), root(parse(text, file, problems)) {}

SourcePlace place_of(const std::string& file, const toml::source_region& region) {
  return {file, region.begin.line, region.begin.column};
}

std::optional<Json> json_of(const toml::node& node) {
  if (const auto* text = node.as_string()) return Json(text->get());
  if (const auto* integer = node.as_integer()) return Json(integer->get());
  if (const auto* truth = node.as_boolean()) return Json(truth->get());
  if (const auto* real = node.as_floating_point()) {
    return std::isfinite(real->get()) ? std::optional<Json>(real->get()) : std::nullopt;
  }
  if (const auto* array = node.as_array()) {
    Json items = Json::array();
    for (const toml::node& element : *array) {
      auto item = json_of(element);
      if (!item) return std::nullopt;
      items.push_back(std::move(*item));
    }
    return items;
  }
  if (const auto* table = node.as_table()) {
    Json object = Json::object();
    for (const auto& [key, value] : *table) {
      auto member = json_of(value);
      if (!member) return std::nullopt;
      object[std::string(key.str())] = std::move(*member);
    }
    return object;
  }
  return std::nullopt;
}

std::string sha256_of_toml(const toml::table& table) {
  return json_hash(json_of(table).value_or(Json::object()));
}

TableReader::TableReader(const toml::table& table, std::string file, std::string what,
                         Problems& problems)
    : table_(table), file_(std::move(file)), what_(std::move(what)), problems_(problems) {}

SourcePlace TableReader::place() const { return place_of(file_, table_.source()); }

SourcePlace TableReader::place(std::string_view key) const {
  const toml::node* node = table_.get(key);
  return node == nullptr ? place() : place_of(file_, node->source());
}

std::vector<std::string> TableReader::keys() const {
  std::vector<std::tuple<std::uint32_t, std::uint32_t, std::string>> found;
  for (const auto& [key, value] : table_) {
    found.emplace_back(key.source().begin.line, key.source().begin.column, std::string(key.str()));
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  names.reserve(found.size());
  for (const auto& entry : found) names.push_back(std::get<2>(entry));
  return names;
}

const toml::node* TableReader::take(std::string_view key) {
  known_.emplace(key);
  return table_.get(key);
}

void TableReader::refuse(std::string_view key, const toml::node& value,
                         const std::string& allowed) {
  problem(place_of(file_, value.source()),
          fmt::format("{} = {} in {} is not allowed; give {}", key, shown(value), what_, allowed));
}

std::optional<std::string> TableReader::text(std::string_view key) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto* text = node->as_string();
  if (text != nullptr && text->get().size() <= kLongestText) return text->get();
  refuse(key, *node,
         text == nullptr ? "a text" : fmt::format("a text of at most {} bytes", kLongestText));
  return std::nullopt;
}

std::string TableReader::required_text(std::string_view key) {
  const bool there = table_.get(key) != nullptr;
  const auto found = text(key);
  if (found && found->empty()) refuse(key, *table_.get(key), "a text that is not empty");
  if (!there) problem(place(), fmt::format("{} has no key '{}'; add it", what_, key));
  return found.value_or("");
}

std::optional<std::string> TableReader::word(std::string_view key,
                                             const std::vector<std::string>& allowed) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto* text = node->as_string();
  if (text != nullptr && std::find(allowed.begin(), allowed.end(), text->get()) != allowed.end()) {
    return text->get();
  }
  refuse(key, *node, "one of " + join(allowed, ", "));
  return std::nullopt;
}

std::optional<std::int64_t> TableReader::integer(std::string_view key, std::int64_t min,
                                                 std::int64_t max) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto* integer = node->as_integer();
  if (integer != nullptr && integer->get() >= min && integer->get() <= max) return integer->get();
  refuse(key, *node, "an integer " + range_text(min, max));
  return std::nullopt;
}

std::optional<double> TableReader::positive_number(std::string_view key, double max) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (value && *value > 0 && *value <= max) return value;
  refuse(key, *node, fmt::format("a number > 0 and <= {}", max));
  return std::nullopt;
}

std::optional<std::vector<std::string>> TableReader::texts(std::string_view key) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  std::vector<std::string> found;
  const auto* array = node->as_array();
  bool good = array != nullptr && !array->empty() && array->size() <= kLongestArray;
  for (std::size_t i = 0; good && i < array->size(); ++i) {
    const auto* text = (*array)[i].as_string();
    good = text != nullptr;
    if (good) found.push_back(text->get());
  }
  if (good) return found;
  refuse(key, *node, "an array of texts that is not empty" + longest_text(array));
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> TableReader::integers(std::string_view key,
                                                               std::int64_t min, std::int64_t max) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  std::vector<std::int64_t> found;
  const auto* array = node->as_array();
  bool good = array != nullptr && !array->empty() && array->size() <= kLongestArray;
  for (std::size_t i = 0; good && i < array->size(); ++i) {
    const auto* integer = (*array)[i].as_integer();
    good = integer != nullptr && integer->get() >= min && integer->get() <= max;
    if (good) found.push_back(integer->get());
  }
  if (good) return found;
  refuse(key, *node,
         fmt::format("an array of integers {} that is not empty{}", range_text(min, max),
                     longest_text(array)));
  return std::nullopt;
}

std::optional<TableReader> TableReader::table(std::string_view key, const std::string& what) {
  const toml::node* node = take(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* table = node->as_table()) return TableReader(*table, file_, what, problems_);
  refuse(key, *node, "a table");
  return std::nullopt;
}

std::vector<TableReader> TableReader::tables(std::string_view key) {
  const toml::node* node = take(key);
  std::vector<TableReader> found;
  if (node == nullptr) return found;
  const auto* array = node->as_array();
  if (array == nullptr || !array->is_array_of_tables()) {
    problem(place_of(file_, node->source()),
            fmt::format("'{}' must be written as [[{}]], once for each, or {} = [{{ ... }}, ...]",
                        key, key, key));
    return found;
  }
  for (const toml::node& element : *array) {
    found.emplace_back(*element.as_table(), file_, fmt::format("[[{}]]", key), problems_);
  }
  return found;
}

void TableReader::finish(const KeyHomes& homes) {
  const std::vector<std::string> known(known_.begin(), known_.end());
  for (const auto& [key, value] : table_) {
    const std::string name(key.str());
    if (known_.contains(name)) continue;
    if (problems_.full()) return problem(place(), "");
    const auto home = homes.find(name);
    const std::string rest =
        home != homes.end()
            ? fmt::format("; it belongs to {}; keys after a table header belong to that table",
                          home->second)
            : known_names_message(name, known);
    problem(place_of(file_, key.source()),
            fmt::format("unknown key {} in {}{}", quoted_name(name), what_, rest));
  }
}

}  // namespace assay
