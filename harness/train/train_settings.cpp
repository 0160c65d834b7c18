#include "harness/train/train_settings.h"

#include <algorithm>
#include <numeric>

#include "harness/base/python_random.h"

namespace assay {

Json to_json(const TrainSettings& s) {
  return {{"epochs", s.epochs},
          {"batch", s.batch},
          {"micro_batch", s.micro_batch},
          {"max_steps", s.max_steps},
          {"learning_rate", s.learning_rate},
          {"schedule", schedule_name(s.schedule)},
          {"warmup", s.warmup},
          {"clip", s.clip},
          {"adamw", {s.adamw.beta1, s.adamw.beta2, s.adamw.epsilon}},
          {"seed", s.seed},
          {"evaluate_every", s.evaluate_every},
          {"patience", s.patience},
          {"stop_below", s.stop_below ? Json(*s.stop_below) : Json()},
          {"curve_every", s.curve_every}};
}

std::int64_t steps_an_epoch(const TrainSettings& settings, std::int64_t items) {
  return (items + settings.batch - 1) / settings.batch;
}

std::int64_t steps_of(const TrainSettings& settings, std::int64_t items) {
  const std::int64_t all = steps_an_epoch(settings, items) * settings.epochs;
  return settings.max_steps > 0 ? std::min(all, settings.max_steps) : all;
}

std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t items) {
  PythonRandom random(seed);
  std::vector<std::int64_t> order(static_cast<std::size_t>(items));
  for (std::int64_t i = 0; i <= epoch; ++i) {
    std::iota(order.begin(), order.end(), 0);
    random.shuffle(order);
  }
  return order;
}

}  // namespace assay
