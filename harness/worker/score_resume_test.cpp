// Scores that go on where an earlier worker died, against undisturbed ones.

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "harness/base/files.h"
#include "harness/data/labelled_fixture.h"
#include "harness/measure/memory.h"
#include "harness/model/encoder_golden.h"
#include "harness/worker/items_fixture.h"
#include "harness/worker/session_fixture.h"
#include "harness/worker/stream_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// All that a score says of the model, without what is of the process.
std::string told(const WorkerReply& reply) {
  Json said = Json::array();
  for (const ItemScore& item : reply.items) said.push_back(to_json(item));
  for (const MetricValue& metric : reply.metrics) {
    if (metric.tag != "process/peak_rss") said.push_back(to_json(metric));
  }
  return said.dump();
}

/// How many batches an earlier worker scored.
int given_back(const WorkerReply& reply) {
  for (const WorkerReply::Event& event : reply.events) {
    if (event.code != "scores_resumed") continue;
    EXPECT_EQ(event.level, "info") << "no remark: the numbers are the same";
    return std::stoi(event.text);
  }
  return 0;
}

class ScoreResume : public Session {
 protected:
  void SetUp() override {
    Session::SetUp();
    register_builtin_suites(suites_);
  }
  void ask(const std::string& kind, const Json& params, const fs::path& data) {
    request_.suite_kind = kind;
    request_.suite_params = params;
    request_.data = data;
  }
  WorkerReply scored() {
    WorkerReply reply = run();
    EXPECT_EQ(named(reply), "OK ") << reply.outcome->text;
    return reply;
  }
  /// Cuts the log of a whole score everywhere between two records and in the middle of some.
  void expect_same_wherever_it_ends(int batches) {
    request_.checkpoints.clear();
    const std::string undisturbed = told(scored());
    request_.checkpoints = folder_ / "scores-of-cell";
    EXPECT_EQ(told(scored()), undisturbed) << "keeping changes nothing";
    const fs::path log = folder_ / "scores-of-cell/scores";
    const std::string whole = read_text_file(log);
    std::map<int, int> seen;
    for (std::size_t size = 0; size <= whole.size(); size += 1 + whole.size() / 40) {
      std::ofstream(log, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
      const WorkerReply reply = scored();
      EXPECT_EQ(told(reply), undisturbed);
      ++seen[given_back(reply)];
    }
    EXPECT_GE(seen.size(), 3U) << "ends in several places";
    std::ofstream(log, std::ios::binary | std::ios::trunc) << whole;
    const WorkerReply reply = scored();
    EXPECT_EQ(told(reply), undisturbed);
    EXPECT_EQ(given_back(reply), batches) << "no batch was run again";
  }
  fs::path stream(std::int32_t tokens) {
    std::vector<std::int32_t> all;
    for (std::int32_t i = 0; i < tokens; ++i) all.push_back((i * i + 7 * i) % 97);
    write_stream(folder_ / "stream", all);
    return folder_ / "stream";
  }
  fs::path items() {
    Json all = Json::array();
    for (std::int64_t i = 0; i < 500; ++i) {
      std::vector<std::int64_t> right(10, i % 90), wrong;
      right[3] = (i * 7) % 90;
      wrong = right;
      right.insert(right.end(), {1 + i % 50, 2});
      wrong.push_back(60 + i % 30);
      all.push_back({{"hash", std::to_string(i)},
                     {"gold", 0},
                     {"place", "x:1"},
                     {"requests", {request_json(right, 10), request_json(wrong, 10)}}});
    }
    write_items(folder_ / "items", all);
    return folder_ / "items";
  }
  void fit(const std::string& method, const Json& params) {
    request_.op = "fit";
    request_.method = method;
    request_.params = params;
    request_.artefact = folder_ / "artefact";
    ASSERT_EQ(named(run()), "OK ");
    request_.op = "score";
    request_.applied = {{method, request_.artefact}};
  }
};

TEST_F(ScoreResume, Perplexity) {
  ask("token_ppl", {{"window", 16}}, stream(16 * 600));
  expect_same_wherever_it_ends(5);
}

TEST_F(ScoreResume, Divergence) {
  fit("magnitude", {{"sparsity", 0.5}});
  ask("kl", {{"window", 16}}, stream(16 * 600));
  expect_same_wherever_it_ends(5);
}

TEST_F(ScoreResume, Questions) {
  for (const char* kind : {"multiple_choice", "last_word"}) {
    ask(kind, Json::object(), items());
    expect_same_wherever_it_ends(3);
    fs::remove_all(folder_ / "scores-of-cell");
  }
}

TEST_F(ScoreResume, ClassesOfTexts) {
  request_.model_folder = encoder_folder() / "bert_classifier";
  plan_model();
  LabelledItems texts;
  texts.label_names = {"a", "b", "c"};
  texts.max_tokens = 16;
  for (std::int32_t i = 0; i < 30; ++i) add_item(texts, {2, 10 + i % 20, 30 - i % 20, 3}, i % 3);
  fs::create_directories(folder_ / "labelled");
  write_labelled(folder_ / "labelled", texts);
  const Json params = {{"max_tokens", 16}, {"batch_tokens", 20}};
  ask("classification", params, folder_ / "labelled");
  expect_same_wherever_it_ends(6);
  fs::remove_all(folder_ / "scores-of-cell");
  fit("magnitude", {{"sparsity", 0.5}});
  ask("classification_kl", params, folder_ / "labelled");
  expect_same_wherever_it_ends(12);
}

TEST_F(ScoreResume, AnotherQuestionBeginsAnew) {
  ask("token_ppl", {{"window", 16}}, stream(16 * 600));
  request_.checkpoints = folder_ / "scores-of-cell";
  (void)scored();
  const WorkerRequest asked = request_;
  const auto after = [&](const std::function<void(WorkerRequest&)>& change) {
    request_ = asked;
    (void)scored();
    EXPECT_EQ(given_back(scored()), 5);
    change(request_);
    return given_back(scored());
  };
  EXPECT_EQ(after([](auto& r) { r.suite_params = {{"window", 8}}; }), 0);
  EXPECT_EQ(after([](auto& r) { r.dtype = "bf16"; }), 0);
  EXPECT_EQ(after([](auto& r) { r.threads = 2; }), 0) << "sums are in another order";
  EXPECT_EQ(after([](auto& r) { r.seed = 5; }), 0);
  EXPECT_EQ(after([](auto& r) { r.scratch += "/."; }), 5) << "a place is no difference";
}

// What blocks told of single tokens is no part of the log, so nothing is kept of such models.
TEST_F(ScoreResume, ModelsThatTellWhatTheirBlocksDoBeginAnew) {
  fit("griffin", {{"density", 0.5}});
  ask("token_ppl", {{"window", 16}, {"prompt", 8}}, stream(16 * 600));
  request_.checkpoints = folder_ / "scores-of-cell";
  const WorkerReply first = scored();
  bool steps = false;
  for (const MetricValue& metric : first.metrics) steps = steps || metric.tag.starts_with("step/");
  ASSERT_TRUE(steps);
  const WorkerReply second = scored();
  EXPECT_EQ(given_back(second), 0);
  EXPECT_EQ(told(second), told(first));
}

/// Takes memory while it scores, and fails afterwards the first time.
class HungryOnce final : public SuiteKind {
 public:
  [[nodiscard]] SuiteKindInfo info() const override {
    SuiteKindInfo info;
    info.name = "hungry_once";
    return info;
  }
  void run(SuiteContext& context, const Params&) const override {
    (void)context.score_log().next(1, [] {
      const std::vector<char> taken(kTaken, 'x');
      return std::vector<double>{static_cast<double>(taken.back())};
    });
    if (!std::exchange(failed_, true)) throw std::logic_error("after the batch");
  }
  static constexpr std::size_t kTaken = std::size_t{400} << 20;

 private:
  mutable bool failed_ = false;
};

// The worker that goes on took less than the one that scored.
TEST_F(ScoreResume, ThePeakOfMemoryIsOfBothWorkers) {
  suites_.add(std::make_unique<HungryOnce>());
  ask("hungry_once", Json::object(), "");
  request_.checkpoints = folder_ / "scores-of-cell";
  EXPECT_EQ(named(run()), "CRASHED error");
  forget_peak_rss();  // as a new process would begin
  const std::int64_t before = peak_rss_bytes().value();
  const double told_peak = value_of(scored(), "process/peak_rss");
  EXPECT_GT(told_peak, static_cast<double>(HungryOnce::kTaken));
  EXPECT_GT(told_peak, 0.9 * static_cast<double>(before) + 0.5 * HungryOnce::kTaken);
}

/// Adds up what it scored, and fails at that the first time.
class FailingTally final : public SuiteKind {
 public:
  explicit FailingTally(int& passes) : passes_(passes) {}
  [[nodiscard]] SuiteKindInfo info() const override {
    SuiteKindInfo info;
    info.name = "failing_tally";
    return info;
  }
  void run(SuiteContext& context, const Params&) const override {
    double sum = 0;
    for (int batch = 0; batch < 4; ++batch) {
      const auto compute = [&] {
        ++passes_;
        return std::vector<double>{0.1 * batch};
      };
      sum += context.score_log().next(1, compute).front();
    }
    if (!std::exchange(failed_, true)) throw std::logic_error("the tally has a mistake");
    context.emit({"m", sum, {}, {}, {}, 4, "", ""});
  }

 private:
  int& passes_;
  mutable bool failed_ = false;
};

TEST_F(ScoreResume, museum_14_rescore) {
  int passes = 0;
  suites_.add(std::make_unique<FailingTally>(passes));
  ask("failing_tally", Json::object(), "");
  request_.checkpoints = folder_ / "scores-of-cell";
  EXPECT_EQ(named(run()), "CRASHED error");
  EXPECT_EQ(passes, 4);
  const WorkerReply again = scored();
  EXPECT_EQ(passes, 4) << "the model was not asked again";
  EXPECT_DOUBLE_EQ(value_of(again, "m"), 0.6);
}

}  // namespace
}  // namespace assay
