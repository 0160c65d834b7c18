#include "harness/train/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

namespace assay {
namespace {

constexpr std::array<std::pair<Schedule, const char*>, 3> kNames = {
    {{Schedule::kConstant, "constant"},
     {Schedule::kLinear, "linear"},
     {Schedule::kCosine, "cosine"}}};

double at_least_one(std::int64_t count) {
  return static_cast<double>(std::max<std::int64_t>(1, count));
}

double cosine(double progress) {
  return std::max(0.0, 0.5 * (1.0 + std::cos(std::numbers::pi * progress)));
}

}  // namespace

const char* schedule_name(Schedule schedule) {
  return std::find_if(kNames.begin(), kNames.end(),
                      [&](const auto& known) { return known.first == schedule; })
      ->second;
}

std::optional<Schedule> schedule_from_name(const std::string& name) {
  for (const auto& [schedule, known] : kNames) {
    if (name == known) return schedule;
  }
  return std::nullopt;
}

std::int64_t warmup_steps(double share, std::int64_t steps) {
  return static_cast<std::int64_t>(std::ceil(share * static_cast<double>(steps)));
}

double rate_factor(Schedule schedule, std::int64_t step, std::int64_t warmup, std::int64_t steps) {
  if (step < warmup) return static_cast<double>(step) / at_least_one(warmup);
  const double span = at_least_one(steps - warmup);
  switch (schedule) {
    case Schedule::kConstant:
      return 1;
    case Schedule::kLinear:
      return std::max(0.0, static_cast<double>(steps - step) / span);
    case Schedule::kCosine:
      break;
  }
  return cosine(static_cast<double>(step - warmup) / span);
}

}  // namespace assay
