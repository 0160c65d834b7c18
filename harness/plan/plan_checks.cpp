#include "harness/plan/plan_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/pattern.h"
#include "harness/base/text.h"
#include "harness/config/profile.h"
#include "harness/method/requirements.h"

namespace assay {
namespace {

constexpr std::int64_t kUsualSampleTokens = 2048;
constexpr std::int64_t kUsualWindowTokens = 256;

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

std::int64_t length_or(std::int64_t given, std::int64_t usual, const ResolvedModel& model) {
  if (given > 0) return given;
  const std::int64_t positions = positions_of(model);
  return positions > 0 ? std::min(positions, usual) : usual;
}

/// Null for a setting that does not train.
const TrainingNeed* training_need(const MethodChoice& choice, const MethodEntry& method) {
  return choice.training ? find_training(method.training, choice.training->data) : nullptr;
}

}  // namespace

std::int64_t positions_of(const ResolvedModel& model) { return trait(model, "max_positions"); }

std::int64_t calibration_tokens(const CalibrationChoice& choice, const ResolvedModel& model) {
  return length_or(choice.tokens, kUsualSampleTokens, model);
}

std::int64_t training_tokens(const TrainingChoice& choice, const ResolvedModel& model) {
  return length_or(choice.tokens, kUsualWindowTokens, model);
}

std::vector<std::string> unmet_by_model(const MethodChoice& choice, const MethodEntry& method,
                                        const ResolvedModel& model) {
  std::vector<Requirement> requirements = method.requirements;
  if (const TrainingNeed* need = training_need(choice, method)) {
    requirements.insert(requirements.end(), need->requires_.begin(), need->requires_.end());
  }
  return unmet_requirements(requirements, model.traits);
}

std::vector<std::string> traits_changed_by(const MethodChoice& choice, const MethodEntry& method) {
  std::vector<std::string> changed = method.changes;
  if (const TrainingNeed* need = training_need(choice, method)) {
    changed.insert(changed.end(), need->changes.begin(), need->changes.end());
  }
  return changed;
}

std::vector<Requirement> settled_before(const SuiteKindEntry& kind,
                                        const std::vector<std::string>& changed) {
  std::vector<Requirement> settled = kind.requirements;
  std::erase_if(settled,
                [&](const Requirement& one) { return std::ranges::count(changed, one.trait) > 0; });
  return settled;
}

std::string beyond_memory(const ResolvedModel& model, const ProfileEntry& profile,
                          std::optional<std::int64_t> memory) {
  const std::int64_t weights = model.size.parameters * element_bytes(profile);
  if (profile.device != "cpu" || !memory || weights <= *memory) return "";
  return fmt::format(
      "the weights of model '{}' take {} in {}, and this machine has {} of memory; leave the model "
      "out, or run it on a larger machine{}",
      model.choice.id, decimal_bytes(weights), profile.dtype, decimal_bytes(*memory),
      profile.dtype == "fp32" ? " or under a profile with dtype bf16" : "");
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

void check_data_lengths(const MethodChoice& method, const ResolvedModel& model,
                        std::vector<std::string>& problems) {
  const std::int64_t positions = positions_of(model);
  if (positions == 0) return;
  const auto refuse = [&](const char* key, std::int64_t tokens, const char* advice) {
    problems.push_back(fmt::format(
        "{}: method '{}': {} = {} is more than the {} positions of model '{}'; give at most {}{}",
        method.place.text(), method.id, key, tokens, positions, model.choice.id, positions,
        advice));
  };
  if (method.calibration && method.calibration->tokens > positions) {
    refuse("calibration.tokens", method.calibration->tokens, ", or 0 for the model's own length");
  }
  if (!method.training) return;
  const TrainingChoice& training = *method.training;
  if (training.on_text() && training.tokens > positions) {
    refuse("training.tokens", training.tokens, ", or 0 for the usual length");
  }
  if (!training.on_text() && training.max_tokens > positions) {
    refuse("training.max_tokens", training.max_tokens, "");
  }
}

void check_pattern(const MethodChoice& method, const MethodEntry& entry, const ResolvedModel& model,
                   std::vector<std::string>& problems) {
  for (const ParamSpec& spec : entry.params) {
    if (spec.type != ParamType::kPattern) continue;
    const auto text = method.params.at(spec.name).get<std::string>();
    const std::int64_t group = pattern_from_text(text).value().group;
    if (group == 0) continue;
    const std::pair<const char*, std::int64_t> rows[] = {
        {"width", trait(model, "width")},
        {"FFN width", trait(model, "ffn.width")},
        {"attention width", trait(model, "heads") * trait(model, "attention.head_dim")}};
    for (const auto& [name, size] : rows) {
      if (size % group == 0) continue;
      problems.push_back(fmt::format(
          "{}: method '{}': {} = \"{}\" does not divide rows of {} elements ({} of "
          "model '{}'); choose N:M with M a divisor of it",
          method.place.text(), method.id, spec.name, text, size, name, model.choice.id));
    }
  }
}

void check_sparsity(const MethodChoice& method, const MethodEntry& entry,
                    std::vector<std::string>& problems) {
  const auto spec_of = [&](const char* name) {
    return std::find_if(entry.params.begin(), entry.params.end(),
                        [&](const ParamSpec& spec) { return spec.name == name; });
  };
  const auto pattern = spec_of("pattern"), sparsity = spec_of("sparsity");
  if (pattern == entry.params.end() || pattern->type != ParamType::kPattern) return;
  if (sparsity == entry.params.end()) return;
  const std::string problem = pattern_contradiction(method.params.at("pattern").get<std::string>(),
                                                    method.params.at("sparsity").get<double>(),
                                                    sparsity->default_value.get<double>());
  if (problem.empty()) return;
  problems.push_back(fmt::format("{}: method '{}': {}", method.place.text(), method.id, problem));
}

}  // namespace assay
