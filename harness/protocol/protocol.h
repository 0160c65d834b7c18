#pragma once
// What `assay` and `assay-worker` say to each other. Free of LibTorch and of SQLite.
//
// The request is one JSON document on the worker's standard input. The answer is JSON lines on its
// original standard output: {"v": 1, "t": TYPE, "n": sequence number, ...}; `bye` is last, without
// it the reply is incomplete. See docs/formats/worker_protocol.md.

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/checkpoint_time.h"
#include "harness/base/json.h"
#include "harness/base/outcome.h"
#include "harness/protocol/basis.h"

namespace assay {

inline constexpr int kProtocolVersion = 2;
/// Part of every cell key: raise when scoring or timing rules change meaning.
inline constexpr int kMeasuringVersion = 4;
/// Limits of a reply; more is a malformed one. The writer splits batches to stay far below.
inline constexpr std::size_t kMaxLineBytes = std::size_t{4} << 20;
inline constexpr std::size_t kMaxReplyBytes = std::size_t{256} << 20;

/// A metric's name and meaning. Direction: +1 higher is better, -1 lower is better, 0 neutral.
struct MetricDef {
  std::string tag;   ///< "token_ppl", "acc", "decode/token_latency"
  std::string unit;  ///< "", "s", "tokens/s", "B"
  int direction = 0;
  std::string convention;  ///< what must agree before two values may be compared
  std::string help;
  Basis basis = Basis::kUndeclared;
  /// With a basis of items: the value (item_value.h) that the metric is made of. Items without this
  /// value are not part of it.
  std::string item_value = {};
};
Json to_json(const MetricDef& def);
MetricDef metric_def_from_json(const Json& document);

/// A summary value with its interval (95 %) when there is one.
struct MetricValue {
  std::string tag;
  std::optional<double> value;  ///< absent: null_reason says why
  std::optional<double> std_error;
  std::optional<double> lo, hi;
  std::int64_t n = 0;  ///< items, windows or samples behind the value
  /// "wilson", "student_t", "student_t_logs", "order_statistics"; "" without an interval
  std::string interval_method;
  std::string null_reason;
  std::string no_interval = {};  ///< why a value that could have an interval has none
};
Json to_json(const MetricValue& value);
MetricValue metric_value_from_json(const Json& document);

/// One raw measured value.
struct Sample {
  std::string tag;
  std::int64_t index = 0;
  double value = 0;
  bool warmup = false;
};
Json to_json(const Sample& sample);
Sample sample_from_json(const Json& document);

/// Score of one item (one question, one window).
struct ItemScore {
  std::int64_t item = 0;
  std::string item_hash;  ///< of the prepared item, so that pairs are pairs
  std::optional<bool> correct;
  std::optional<double> score;  ///< kind's own: chosen answer index, ...
  std::optional<double> nll;    ///< sum over scored tokens, nats
  std::optional<double> kld;    ///< mean over positions, nats
  std::int64_t tokens = 0;
  std::string output_hash;
  /// What else the kind knows of an item, by its own names ("correct_norm"); all finite.
  std::map<std::string, double> values = {};
};
Json to_json(const ItemScore& item);
ItemScore item_score_from_json(const Json& document);

/// Logits of the fixed probe batch at fixed places; equal (within the dtype's tolerance) for every
/// process that claims to run the same model with the same artefact.
struct Fingerprint {
  std::vector<double> values;
};
/// Largest |a - b| relative to the largest |a|; infinity when the sizes differ.
double fingerprint_distance(const Fingerprint& a, const Fingerprint& b);
/// Largest distance still called equal: 1e-4 for fp32, 2e-2 for bf16.
double fingerprint_tolerance(const std::string& dtype);

/// Where prepared calibration tokens are and how to draw them.
struct CalibrationRequest {
  std::string data;      ///< folder of a prepared stream, or of prepared items
  std::string sampling;  ///< "documents" (published recipe), "stream"; "items" of items
  std::int64_t samples = 128;
  std::int64_t tokens = 2048;  ///< of a sample, of items at most
};

/// Where prepared training items are and which of them to take.
struct TrainingRequest {
  std::string data;               ///< folder of prepared labelled items
  std::int64_t items = 0;         ///< the first of a shuffled order; 0: all
  std::uint64_t subset_seed = 0;  ///< of that order
};

/// Where prepared training text is and how much of it to take.
struct TrainingTextRequest {
  std::string data;          ///< folder of a prepared stream
  std::int64_t samples = 0;  ///< windows from the beginning of the text on; 0: all
  std::int64_t tokens = 0;   ///< of a window
};

/// An artefact that changes the model before the work begins.
struct AppliedArtefact {
  std::string method;
  std::string file;
};

struct WorkerRequest {
  /// "fit", "score", "time"; "machine": no model, measures where it runs; "export": a model folder
  std::string op;
  std::string model_folder;
  std::string model_hash;
  bool random_weights = false;
  std::string dtype = "fp32";  ///< export: of the files, "" for that of the original's
  std::string device = "cpu";
  int threads = 1;
  std::vector<int> cores;        ///< pin to these; empty = do not pin
  std::string method;            ///< "dense" for none
  Json params = Json::object();  ///< resolved, without `calibration`
  std::uint64_t seed = 0;
  std::vector<AppliedArtefact> applied;  ///< in this order; empty for the dense model
  std::string artefact;                  ///< fit: the file to write
  std::string stage;                     ///< fit: which one; empty where a method has one alone
  std::map<std::string, std::string> inputs;  ///< fit: files of the stages that this one takes
  std::string checkpoints;  ///< fit: folder that outlives a killed try; empty: none does
  double checkpoint_s = kCheckpointSeconds;  ///< fit: between two checkpoints of a training
  std::optional<CalibrationRequest> calibration;
  std::optional<TrainingRequest> training;           ///< not both of these
  std::optional<TrainingTextRequest> training_text;  ///< likewise
  std::string suite_kind;
  Json suite_params = Json::object();
  std::string data;  ///< folder of prepared data, empty when the suite needs none
  std::optional<Fingerprint> expected;  ///< time: what scoring saw
  std::string scratch;
  std::string output;            ///< export: the empty folder to fill
  std::int64_t shard_bytes = 0;  ///< export: of one file of weights, at most
};
Json to_json(const WorkerRequest& request);
/// Throws UserError for a malformed document, an unknown key or a foreign version.
WorkerRequest worker_request_from_json(const Json& document);

/// All that one finished worker said.
struct WorkerReply {
  Json environment = Json::object();  ///< from hello: libraries, BLAS, ISA, threads
  std::vector<MetricValue> metrics;
  std::vector<ItemScore> items;
  std::vector<Sample> samples;
  std::optional<Fingerprint> fingerprint;
  struct Event {
    std::string level;  ///< "info", "warning", "error"
    std::string code, text;
  };
  std::vector<Event> events;
  std::optional<OutcomeReason> outcome;
  bool complete = false;  ///< bye was seen
};

/// Strict, bounded reader of the reply; feed lines as they come.
class ReplyReader {
 public:
  struct Progress {
    std::int64_t done = 0, total = 0;
    std::string what;
  };
  /// Returns progress when the line was one. Throws std::runtime_error for a malformed line, a
  /// wrong version, a gap in the sequence, an exceeded limit, a message before hello, a second
  /// hello, outcome or fingerprint, or anything after bye. Nothing of a refused line is kept.
  std::optional<Progress> feed(const std::string& line);
  [[nodiscard]] const WorkerReply& reply() const { return reply_; }

 private:
  std::optional<Progress> take(const std::string& type, const Json& message);
  WorkerReply reply_;
  std::int64_t next_ = 0;
  std::size_t bytes_ = 0;
  bool greeted_ = false;
};

/// Writes the reply; thread-safe (the heartbeat has its own thread). Owns nothing.
/// JSON has no NaN and no infinity: such a number is left out of its message (a sample as a whole)
/// and an event of level "error", code "non_finite", is sent beside it.
/// Every function throws std::system_error when the other end is gone.
class ReplyWriter {
 public:
  explicit ReplyWriter(int descriptor) : descriptor_(descriptor) {}
  void hello(const Json& environment);
  void heartbeat();
  void progress(std::int64_t done, std::int64_t total, const std::string& what);
  void metric(const MetricValue& value);
  void items(const std::vector<ItemScore>& items);
  void samples(const std::vector<Sample>& samples);
  void fingerprint(const Fingerprint& fingerprint);
  void event(const std::string& level, const std::string& code, const std::string& text);
  void outcome(const OutcomeReason& outcome);
  void bye();

 private:
  void write(const std::string& type, Json message);
  void refuse_non_finite(const std::string& what);
  std::mutex mutex_;
  int descriptor_;
  std::int64_t next_ = 0;
};

}  // namespace assay
