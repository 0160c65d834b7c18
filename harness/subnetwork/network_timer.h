#pragma once
// How long networks take, beside the network that they are parts of.

#include <cstdint>
#include <functional>
#include <memory>

#include "harness/model/model.h"

namespace assay::subnetwork {

/// What of a model is timed.
enum class TimedWork {
  kPass,    ///< a decoder: a prompt into an empty cache, scores of its last position; an encoder:
            ///< whole sequences, with the scores of a classifier where there is one
  kDecode,  ///< one more token for each sequence of a cache that holds the prompt
};

struct LatencyWork {
  TimedWork of = TimedWork::kPass;
  std::int64_t batch = 1;
  std::int64_t tokens = 128;  ///< of each sequence, or of the prompt before the token
};

/// Makes calls of one model. The tokens are synthetic, the same for every model of a vocabulary.
class NetworkTimer {
 public:
  /// Warms the model up, which must outlive it, and decides how many calls make a sample: as many
  /// as take 20 ms. Throws DoesNotApply for more positions than the model sees.
  NetworkTimer(const Model& model, const LatencyWork& work);
  ~NetworkTimer();
  NetworkTimer(const NetworkTimer&) = delete;
  NetworkTimer& operator=(const NetworkTimer&) = delete;
  /// Seconds of a call, as the mean of a sample.
  [[nodiscard]] double operator()();

 private:
  class Work;
  class PassWork;
  class DecodeWork;
  class SequenceWork;
  static std::unique_ptr<Work> work_of(const Model& model, const LatencyWork& work);
  std::unique_ptr<Work> work_;
  c10::Device device_;
  std::int64_t calls_ = 1;
};

/// Of the time of a part over that of the whole: median of rounds, with the distribution-free 95 %
/// interval of the median.
struct LatencyRatio {
  double ratio = 1, lo = 1, hi = 1;
};

inline constexpr int kLatencyRounds = 9;

/// Seconds of a sample.
using Timed = std::function<double()>;

/// Both once a round, the one that is first changing from round to round: what drifts takes both
/// along. `rounds` >= 6, which an interval needs.
LatencyRatio time_beside(const Timed& whole, const Timed& part, int rounds = kLatencyRounds);

}  // namespace assay::subnetwork
