#pragma once
// Typed parameters of methods and suites, as data: one table feeds the check of experiment files,
// the defaults, --help, `assay describe` and the key of a cell.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/json.h"

namespace assay {

enum class ParamType {
  kInt,
  kReal,
  kBool,
  kText,
  kChoice,    ///< one of `choices`
  kIntList,   ///< a JSON array of integers; in an experiment file always written as an array,
              ///< so it makes no axis
  kTextList,  ///< likewise, of strings
  kPattern,   ///< "unstructured" or "N:M" (harness/base/pattern.h)
};

/// Integers that say nothing else lie within [-kMostInteger, kMostInteger]: whatever counts with
/// them may then hold them in 32 bits, and multiply two of them in 64.
inline constexpr double kMostInteger = 2147483647;

/// One parameter. Ranges are inclusive unless marked open.
struct ParamSpec {
  std::string name;
  ParamType type = ParamType::kReal;
  Json default_value;  ///< null means that the parameter is required
  std::string help;    ///< one sentence, no full stop at the end
  std::string unit;    ///< "tokens", "items", "" for a pure number
  std::optional<double> min;
  std::optional<double> max;
  bool max_open = false;  ///< true: max itself is not allowed, as in [0, 1)
  bool min_open = false;  ///< the same of min
  std::vector<std::string> choices;
  /// What it was called before: refused, with the name that it has now.
  std::vector<std::string> former_names = {};
  /// The same of its values: {before, now}.
  std::map<std::string, std::string> former_values = {};
};

Json to_json(const ParamSpec& spec);
ParamSpec param_spec_from_json(const Json& document);

/// "[0, 1)", "one of unstructured, 2:4, 4:8", "an integer >= 1": the allowed values, in words.
std::string allowed_values(const ParamSpec& spec);

/// "'parts' is called 'blocks' now: one of all, ffn, attention"
std::string renamed_message(const ParamSpec& spec, std::string_view former);

/// Says what is wrong with a value ("1.5 is outside [0, 1)"), or nothing when it is allowed.
/// An integer is accepted where a real is asked for.
std::optional<std::string> value_problem(const ParamSpec& spec, const Json& value);

/// Values of declared parameters with defaults filled in. Immutable after construction.
class Params {
 public:
  Params() = default;
  /// Checks `given` (a JSON object) against the specs and writes the defaults in.
  /// Throws UserError listing all problems.
  Params(const std::vector<ParamSpec>& specs, const Json& given);

  [[nodiscard]] std::int64_t get_int(std::string_view name) const;
  [[nodiscard]] double get_real(std::string_view name) const;
  [[nodiscard]] bool get_bool(std::string_view name) const;
  [[nodiscard]] std::string get_text(std::string_view name) const;  ///< kText, kChoice and kPattern
  [[nodiscard]] std::vector<std::int64_t> get_int_list(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> get_text_list(std::string_view name) const;
  /// All values, defaults written out, sorted by name.
  [[nodiscard]] const Json& json() const { return values_; }

 private:
  [[nodiscard]] const Json& at(std::string_view name) const;
  Json values_ = Json::object();
};

}  // namespace assay
