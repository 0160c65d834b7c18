#include "harness/subnetwork/network_timer.h"

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/measure/device_timer.h"
#include "harness/model/greedy_loop.h"
#include "harness/stats/intervals.h"

namespace assay::subnetwork {
namespace {

constexpr std::uint64_t kTokenSeed = 0;
constexpr double kSampleSeconds = 0.02;
constexpr int kWarmupCalls = 2;
/// Tokens that a cache has room for behind the prompt before it is cut back to it, at most.
constexpr std::int64_t kDecodeRoom = 32;

std::int64_t decode_room(const Model& model, const LatencyWork& work) {
  return std::min(kDecodeRoom, model.spec().max_positions - work.tokens);
}

void require_positions(const Model& model, std::int64_t positions) {
  const std::int64_t most = model.spec().max_positions;
  if (positions <= most) return;
  throw DoesNotApply(fmt::format(
      "timing a network needs {} positions, and the model sees at most {}; lower latency_tokens",
      positions, most));
}

}  // namespace

class NetworkTimer::Work {
 public:
  virtual ~Work() = default;
  /// What a call needs before it, untimed.
  virtual void prepare() {}
  virtual void call() = 0;
};

class NetworkTimer::PassWork final : public Work {
 public:
  PassWork(const Model& model, const LatencyWork& work)
      : loop_(model, work.batch, work.tokens),
        prompt_(synthetic_prompt(model, work.batch, work.tokens, kTokenSeed)) {}
  void call() override { (void)loop_.prefill(prompt_); }

 private:
  GreedyLoop loop_;
  at::Tensor prompt_;
};

class NetworkTimer::DecodeWork final : public Work {
 public:
  DecodeWork(const Model& model, const LatencyWork& work)
      : room_(decode_room(model, work)),
        loop_(model, work.batch, work.tokens + room_),
        prompt_(synthetic_prompt(model, work.batch, work.tokens, kTokenSeed)) {}
  void prepare() override {
    if (next_.defined() && steps_ < room_) return;
    next_ = loop_.prefill(prompt_);
    steps_ = 0;
  }
  void call() override {
    next_ = loop_.step(next_);
    ++steps_;
  }

 private:
  std::int64_t room_;
  GreedyLoop loop_;
  at::Tensor prompt_, next_;
  std::int64_t steps_ = 0;
};

class NetworkTimer::SequenceWork final : public Work {
 public:
  SequenceWork(const Model& model, const LatencyWork& work)
      : model_(model), tokens_(synthetic_prompt(model, work.batch, work.tokens, kTokenSeed)) {}
  void call() override {
    const c10::InferenceMode inference;
    if (model_.spec().output == OutputKind::kClassifier) {
      (void)model_.sequence_logits(tokens_);
    } else {
      (void)model_.hidden(tokens_);
    }
  }

 private:
  const Model& model_;
  at::Tensor tokens_;
};

std::unique_ptr<NetworkTimer::Work> NetworkTimer::work_of(const Model& model,
                                                          const LatencyWork& work) {
  const bool decode = work.of == TimedWork::kDecode;
  require_positions(model, work.tokens + (decode ? 1 : 0));
  if (decode) return std::make_unique<DecodeWork>(model, work);
  if (!model.spec().causal) return std::make_unique<SequenceWork>(model, work);
  return std::make_unique<PassWork>(model, work);
}

NetworkTimer::NetworkTimer(const Model& model, const LatencyWork& work)
    : work_(work_of(model, work)), device_(model.device()) {
  double seconds = 0;
  for (int i = 0; i <= kWarmupCalls; ++i) seconds = (*this)();
  calls_ = std::max<std::int64_t>(1, std::llround(kSampleSeconds / std::max(seconds, 1e-9)));
}

NetworkTimer::~NetworkTimer() = default;

double NetworkTimer::operator()() {
  const DeviceTimer timer(device_);
  double seconds = 0;
  for (std::int64_t i = 0; i < calls_; ++i) {
    work_->prepare();
    seconds += timer.seconds([this] { work_->call(); });
  }
  return seconds / static_cast<double>(calls_);
}

LatencyRatio time_beside(const Timed& whole, const Timed& part, int rounds) {
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    double of_whole = 0, of_part = 0;
    if (round % 2 == 0) {
      of_whole = whole();
      of_part = part();
    } else {
      of_part = part();
      of_whole = whole();
    }
    ratios.push_back(of_part / of_whole);
  }
  const auto interval = median_interval(ratios);
  if (!interval) throw std::logic_error("too few rounds for an interval of their median");
  return {median(ratios), interval->lo, interval->hi};
}

}  // namespace assay::subnetwork
