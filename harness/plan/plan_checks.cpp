#include "harness/plan/plan_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <utility>

namespace assay {
namespace {

constexpr std::int64_t kUsualSampleTokens = 2048;

std::int64_t trait(const ResolvedModel& model, const char* name) {
  return model.traits.value(name, std::int64_t{0});
}

// The longest sequence that a suite's parameters make, and how it comes about in words.
std::pair<std::int64_t, std::string> longest_sequence(const SuiteChoice& suite,
                                                      const SuiteKindEntry& kind) {
  std::pair<std::int64_t, std::string> longest{0, ""};
  for (const ParamSpec& spec : kind.params) {
    if (spec.type != ParamType::kInt || spec.unit != "tokens") continue;
    const auto value = suite.params.value(spec.name, std::int64_t{0});
    if (value > longest.first) longest = {value, fmt::format("{} = {}", spec.name, value)};
  }
  if (suite.params.contains("prompt_tokens") && suite.params.contains("new_tokens")) {
    const auto prompt = suite.params.at("prompt_tokens").get<std::int64_t>();
    const auto fresh = suite.params.at("new_tokens").get<std::int64_t>();
    if (prompt + fresh > longest.first) {
      longest = {prompt + fresh,
                 fmt::format("prompt_tokens + new_tokens = {} + {}", prompt, fresh)};
    }
  }
  return longest;
}

}  // namespace

std::int64_t positions_of(const ResolvedModel& model) { return trait(model, "max_positions"); }

std::int64_t calibration_tokens(const CalibrationChoice& choice, const ResolvedModel& model) {
  if (choice.tokens > 0) return choice.tokens;
  const std::int64_t positions = positions_of(model);
  return positions > 0 ? std::min(positions, kUsualSampleTokens) : kUsualSampleTokens;
}

void check_suite_lengths(const SuiteChoice& suite, const SuiteKindEntry& kind,
                         const ResolvedModel& model, std::vector<std::string>& problems) {
  const std::int64_t positions = positions_of(model);
  const auto [tokens, how] = longest_sequence(suite, kind);
  if (positions == 0 || tokens <= positions) return;
  problems.push_back(
      fmt::format("{}: suite '{}': {} is more than the {} positions of model '{}'; ask for at most "
                  "{} tokens",
                  suite.place.text(), suite.id, how, positions, model.choice.id, positions));
}

void check_calibration_length(const MethodChoice& method, const ResolvedModel& model,
                              std::vector<std::string>& problems) {
  const std::int64_t positions = positions_of(model);
  if (!method.calibration || positions == 0 || method.calibration->tokens <= positions) return;
  problems.push_back(
      fmt::format("{}: method '{}': calibration.tokens = {} is more than the {} positions of model "
                  "'{}'; give at most {}, or 0 for the model's own length",
                  method.place.text(), method.id, method.calibration->tokens, positions,
                  model.choice.id, positions));
}

void check_pattern(const MethodChoice& method, const ResolvedModel& model,
                   std::vector<std::string>& problems) {
  static const std::regex kPattern("([0-9]{1,6}):([0-9]{1,6})");
  const auto pattern = method.params.find("pattern");
  std::smatch parts;
  if (pattern == method.params.end() || !pattern->is_string()) return;
  const auto text = pattern->get<std::string>();
  if (!std::regex_match(text, parts, kPattern)) return;
  const std::int64_t group = std::stoll(parts[2].str());
  const std::pair<const char*, std::int64_t> rows[] = {
      {"width", trait(model, "width")},
      {"FFN width", trait(model, "ffn.width")},
      {"attention width", trait(model, "heads") * trait(model, "attention.head_dim")}};
  for (const auto& [name, size] : rows) {
    if (size == 0 || (group > 0 && size % group == 0)) continue;
    problems.push_back(
        fmt::format("{}: method '{}': pattern = \"{}\" does not divide rows of {} elements ({} of "
                    "model '{}'); choose N:M with M a divisor of it",
                    method.place.text(), method.id, text, size, name, model.choice.id));
  }
}

}  // namespace assay
