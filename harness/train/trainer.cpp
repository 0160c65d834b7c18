#include "harness/train/trainer.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/hashing.h"
#include "harness/train/generators.h"

namespace assay {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void require_sensible(const TrainTask& task, const TrainSettings& s) {
  const bool fine = s.epochs > 0 && s.batch > 0 && s.micro_batch >= 0 && s.max_steps >= 0 &&
                    s.warmup >= 0 && s.warmup <= 1 && s.clip >= 0 && s.evaluate_every >= 0 &&
                    s.patience >= 0 && s.curve_every > 0 && task.items > 0 &&
                    static_cast<bool>(task.loss) != static_cast<bool>(task.accumulate) &&
                    !task.tensors.empty();
  if (!fine) throw std::logic_error("a training without items, tensors or sensible settings");
}

/// Of names, shapes and values: where the training starts.
std::string hash_of(const std::vector<TrainedTensor>& tensors) {
  Sha256 hash;
  for (const TrainedTensor& trained : tensors) {
    const at::Tensor local = trained.tensor.detach().cpu().contiguous();
    hash.update(fmt::format("{} {} {} {}\n", trained.name, fmt::join(local.sizes(), " "),
                            trained.weight_decay, trained.rate_factor));
    hash.update(std::span(static_cast<const std::byte*>(local.const_data_ptr()), local.nbytes()));
  }
  return hash.hex();
}

TrainingConfiguration configuration_of(const TrainTask& task, const TrainSettings& settings) {
  return {{"settings", to_json(settings)},
          {"task", task.identity},
          {"items", task.items},
          {"held_out", static_cast<bool>(task.held_out)},
          {"tensors", hash_of(task.tensors)}};
}

void copy_all(const std::vector<at::Tensor>& from, const std::vector<TrainedTensor>& to) {
  const at::NoGradGuard guard;
  for (std::size_t i = 0; i < to.size(); ++i) at::Tensor(to[i].tensor).copy_(from.at(i));
}

std::vector<at::Tensor> copies_of(const std::vector<TrainedTensor>& tensors) {
  std::vector<at::Tensor> copies;
  for (const TrainedTensor& trained : tensors) copies.push_back(trained.tensor.detach().clone());
  return copies;
}

std::int64_t not_finite(const at::Tensor& tensor) {
  return tensor.numel() - at::isfinite(tensor.detach()).sum().item<std::int64_t>();
}

/// Where products overflow before any weight does.
std::string largest_of(const std::vector<TrainedTensor>& tensors) {
  std::string name;
  double largest = -1;
  for (const TrainedTensor& trained : tensors) {
    const auto here = trained.tensor.detach().abs().max().item<double>();
    if (here <= largest) continue;
    name = trained.name;
    largest = here;
  }
  return fmt::format("all trained values are finite, the largest is {:.3g} in {}", largest, name);
}

/// "layer.0.q.weight: 3 of 16 values are not finite" of the first tensor that has some.
std::string first_spoiled(const std::vector<TrainedTensor>& tensors, bool gradients) {
  for (const TrainedTensor& trained : tensors) {
    const at::Tensor looked_at = gradients ? trained.tensor.grad() : trained.tensor;
    const std::int64_t count = looked_at.defined() ? not_finite(looked_at) : 0;
    if (count == 0) continue;
    return fmt::format("{}{}: {} of {} values are not finite", gradients ? "the gradient of " : "",
                       trained.name, count, looked_at.numel());
  }
  return gradients ? "the norm of all gradients overflows" : largest_of(tensors);
}

class Training {
 public:
  Training(const TrainTask& task, const TrainSettings& settings, const TrainHooks& hooks)
      : task_(task),
        settings_(settings),
        hooks_(hooks),
        configuration_(hooks.checkpoints.empty() ? Json() : configuration_of(task, settings)),
        steps_(steps_of(settings, task.items)),
        warmup_(warmup_steps(settings.warmup, steps_)),
        optimizer_(task.tensors, settings.adamw),
        generators_(settings.seed, task.tensors.front().tensor.device()) {}

  TrainResult run();

 private:
  [[nodiscard]] bool over() const {
    return state_.step >= steps_ || out_of_patience() || good_enough();
  }
  [[nodiscard]] bool out_of_patience() const;
  [[nodiscard]] bool good_enough() const {
    return settings_.stop_below && state_.best && state_.best->value < *settings_.stop_below;
  }
  [[nodiscard]] bool judged_after_this_step() const;
  [[nodiscard]] std::span<const std::int64_t> batch_items();
  void resume();
  void adopt(const TrainingState& stored);
  void step();
  double differentiate(std::span<const std::int64_t> items);
  double backward(const StepPart& part);
  [[noreturn]] void fail_loss(double loss, std::span<const std::int64_t> items) const;
  void check_gradients(double norm) const;
  void add_to_curve(const CurvePoint& point);
  void judge();
  void checkpoint_if_due();
  void save();
  void save_before_leaving();
  void warn(const std::string& code, const std::string& text) const {
    if (hooks_.warn) hooks_.warn(code, text);
  }
  void report_progress();
  void finish();
  [[nodiscard]] std::filesystem::path file() const {
    return hooks_.checkpoints / (hooks_.name + ".safetensors");
  }

  const TrainTask& task_;
  const TrainSettings& settings_;
  const TrainHooks& hooks_;
  const TrainingConfiguration configuration_;
  const std::int64_t steps_, warmup_;
  AdamW optimizer_;
  SeededGenerators generators_;
  TrainingState state_;  ///< without its tensors, which live where they are used
  std::vector<at::Tensor> best_;
  std::vector<std::int64_t> order_;
  std::int64_t ordered_epoch_ = -1;
  bool resumed_ = false;
  Clock::time_point running_since_ = Clock::now(), saved_at_ = Clock::now();
};

bool Training::out_of_patience() const {
  if (settings_.patience == 0 || !state_.best) return false;
  const auto later =
      std::count_if(state_.held_out.begin(), state_.held_out.end(),
                    [&](const HeldOutPoint& point) { return point.step > state_.best->step; });
  return later >= settings_.patience;
}

bool Training::judged_after_this_step() const {
  if (!task_.held_out) return false;
  const std::int64_t every = settings_.evaluate_every > 0 ? settings_.evaluate_every
                                                          : steps_an_epoch(settings_, task_.items);
  return state_.step % every == 0 || state_.step == steps_;
}

std::span<const std::int64_t> Training::batch_items() {
  const std::int64_t an_epoch = steps_an_epoch(settings_, task_.items);
  const std::int64_t epoch = state_.step / an_epoch;
  if (epoch != ordered_epoch_) {
    order_ = epoch_order(settings_.seed, epoch, task_.items);
    ordered_epoch_ = epoch;
  }
  const std::int64_t begin = state_.step % an_epoch * settings_.batch;
  const std::int64_t count = std::min(settings_.batch, task_.items - begin);
  return std::span(order_).subspan(static_cast<std::size_t>(begin),
                                   static_cast<std::size_t>(count));
}

void Training::adopt(const TrainingState& stored) {
  copy_all(stored.tensors, task_.tensors);
  best_ = stored.best_tensors;
  state_ = stored;
  for (auto* list : {&state_.tensors, &state_.first, &state_.second, &state_.steps,
                     &state_.best_tensors, &state_.generators}) {
    list->clear();
  }
  resumed_ = true;
  if (stored.finished) return;
  generators_.set_states(stored.generators);
  for (std::size_t i = 0; i < optimizer_.moments().size(); ++i) {
    const AdamW::Moments& moments = optimizer_.moments()[i];
    at::Tensor(moments.first).copy_(stored.first.at(i));
    at::Tensor(moments.second).copy_(stored.second.at(i));
    at::Tensor(moments.steps).copy_(stored.steps.at(i));
  }
}

void Training::resume() {
  if (hooks_.checkpoints.empty()) return;
  try {
    const auto stored = load_training_state(file(), configuration_);
    if (!stored) return;
    adopt(stored->state);
    if (stored->threads == at::get_num_threads()) return;
    warn("training_threads_changed",
         fmt::format("{}: {} of {} steps were made with {} threads, the others with {}; the last "
                     "bits are those of neither alone",
                     hooks_.name, state_.step, steps_, stored->threads, at::get_num_threads()));
  } catch (const FileError& error) {
    warn("training_checkpoint_damaged", std::string(error.what()) + "; the training began anew");
  }
}

double Training::differentiate(std::span<const std::int64_t> items) {
  const auto all = static_cast<std::int64_t>(items.size());
  const std::int64_t most = settings_.micro_batch > 0 ? settings_.micro_batch : all;
  double sum = 0;
  for (std::int64_t begin = 0; begin < all; begin += most) {
    const auto part = items.subspan(static_cast<std::size_t>(begin),
                                    static_cast<std::size_t>(std::min(most, all - begin)));
    const double share = static_cast<double>(part.size()) / static_cast<double>(all);
    const double loss = backward({part, share, state_.step, steps_});
    if (!std::isfinite(loss)) fail_loss(loss, part);
    sum += share * loss;
  }
  return sum;
}

double Training::backward(const StepPart& part) {
  if (task_.accumulate) return task_.accumulate(part);
  const at::Tensor loss = task_.loss(part.items);
  const auto value = loss.item<double>();
  if (std::isfinite(value)) (part.share == 1 ? loss : loss.mul(part.share)).backward();
  return value;
}

void Training::fail_loss(double loss, std::span<const std::int64_t> items) const {
  constexpr std::size_t kShown = 8;
  throw NonFiniteValue(
      "training_loss",
      fmt::format("{}, step {} of {}: the loss is {}; {}; items of the batch: {}{}", hooks_.name,
                  state_.step + 1, steps_, std::isnan(loss) ? std::abs(loss) : loss,
                  first_spoiled(task_.tensors, false),
                  fmt::join(items.first(std::min(kShown, items.size())), ", "),
                  items.size() > kShown ? ", ..." : ""));
}

void Training::check_gradients(double norm) const {
  if (std::isfinite(norm)) return;
  throw NonFiniteValue(
      "training_gradient",
      fmt::format("{}, step {} of {}: {}; a lower learning rate or a clip may help", hooks_.name,
                  state_.step + 1, steps_, first_spoiled(task_.tensors, true)));
}

void Training::step() {
  const double rate =
      settings_.learning_rate * rate_factor(settings_.schedule, state_.step, warmup_, steps_);
  const double loss = differentiate(batch_items());
  const double norm = gradient_norm(task_.tensors);
  check_gradients(norm);
  if (settings_.clip > 0) clip_gradients(task_.tensors, norm, settings_.clip);
  optimizer_.step(rate);
  optimizer_.clear_gradients();
  ++state_.step;
  add_to_curve({state_.step, loss, rate, norm});
}

void Training::add_to_curve(const CurvePoint& point) {
  state_.curve_sum += point.loss;
  ++state_.curve_steps;
  if (state_.curve_steps < settings_.curve_every && state_.step < steps_) return;
  state_.curve.push_back(point);
  state_.curve.back().loss = state_.curve_sum / static_cast<double>(state_.curve_steps);
  state_.curve_sum = 0;
  state_.curve_steps = 0;
  if (hooks_.curve) hooks_.curve(state_.curve.back());
}

void Training::judge() {
  const HeldOutPoint found{state_.step, task_.held_out()};
  if (!std::isfinite(found.value)) {
    throw NonFiniteValue(
        "training_held_out",
        fmt::format("{}, after step {} of {}: the held-out value is {}; {}", hooks_.name,
                    state_.step, steps_, found.value, first_spoiled(task_.tensors, false)));
  }
  state_.held_out.push_back(found);
  if (state_.best && found.value >= state_.best->value) return;
  state_.best = found;
  best_ = copies_of(task_.tensors);
}

void Training::save() {
  TrainingState all = state_;
  all.seconds += seconds_since(running_since_);
  for (const TrainedTensor& trained : task_.tensors) all.tensors.push_back(trained.tensor);
  if (!all.finished) {
    for (const AdamW::Moments& moments : optimizer_.moments()) {
      all.first.push_back(moments.first);
      all.second.push_back(moments.second);
      all.steps.push_back(moments.steps);
    }
    all.best_tensors = best_;
    all.generators = generators_.states();
  }
  save_training_state(file(), all, configuration_, at::get_num_threads());
  saved_at_ = Clock::now();
}

void Training::checkpoint_if_due() {
  if (hooks_.checkpoints.empty() || over()) return;
  const bool due = hooks_.checkpoint_steps > 0
                       ? state_.step % hooks_.checkpoint_steps == 0
                       : seconds_since(saved_at_) >= hooks_.checkpoint_seconds;
  if (due) save();
}

void Training::report_progress() {
  if (!hooks_.progress) return;
  try {
    hooks_.progress(state_.step, steps_);
  } catch (const Interrupted&) {
    save_before_leaving();
    throw;
  }
}

void Training::save_before_leaving() {
  if (hooks_.checkpoints.empty()) return;
  try {
    save();
  } catch (const MachineError& error) {  // the one before is still there
    warn("training_checkpoint_unwritten", error.what());
  }
}

void Training::finish() {
  if (!best_.empty()) copy_all(best_, task_.tensors);
  state_.finished = true;
  if (!hooks_.checkpoints.empty()) save();
}

TrainResult Training::run() {
  resume();
  for (const CurvePoint& point : state_.curve) {
    if (hooks_.curve) hooks_.curve(point);
  }
  while (!state_.finished && !over()) {
    step();
    if (judged_after_this_step()) judge();
    checkpoint_if_due();
    report_progress();
  }
  if (!state_.finished) finish();
  return {.steps = state_.step,
          .stopped_early = state_.step < steps_,
          .resumed = resumed_,
          .seconds = state_.seconds + seconds_since(running_since_),
          .curve = state_.curve,
          .held_out = state_.held_out,
          .best = state_.best};
}

/// Gradients of the tensors go, however the training ends.
class ClearedGradients {
 public:
  explicit ClearedGradients(const std::vector<TrainedTensor>& tensors) : tensors_(tensors) {}
  ~ClearedGradients() {
    for (const TrainedTensor& trained : tensors_) trained.tensor.mutable_grad().reset();
  }
  ClearedGradients(const ClearedGradients&) = delete;
  ClearedGradients& operator=(const ClearedGradients&) = delete;

 private:
  const std::vector<TrainedTensor>& tensors_;
};

}  // namespace

TrainResult train(const TrainTask& task, const TrainSettings& settings, const TrainHooks& hooks) {
  require_sensible(task, settings);
  const c10::InferenceMode plain(false);
  const at::AutoGradMode recorded(true);
  const ClearedGradients cleared(task.tensors);
  return Training(task, settings, hooks).run();
}

}  // namespace assay
