// The real assay-worker, run as `assay` runs it.

#include <gmock/gmock.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "harness/base/params.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/method/tiny_model.h"
#include "harness/process/child.h"
#include "harness/process/classify.h"
#include "harness/protocol/protocol.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Eq;
using ::testing::Field;
using ::testing::HasSubstr;

struct Answer {
  ChildResult result;
  WorkerReply reply;
  std::vector<std::string> lines;
  [[nodiscard]] OutcomeReason outcome() const { return classify(result, reply); }
  [[nodiscard]] std::string named() const {
    return std::string(outcome_name(outcome().outcome)) + " " + outcome().code + " " +
           outcome().text;
  }
};

ChildSpec worker(std::vector<std::string> arguments, std::string input) {
  ChildSpec spec;
  spec.program = ASSAY_WORKER;
  spec.arguments = std::move(arguments);
  spec.environment = {"LANG=C.UTF-8", "HOME=/tmp"};
  spec.input = std::move(input);
  spec.timeout_seconds = 100;
  return spec;
}

Answer ask(const std::string& input, std::stop_source* stop_at_progress = nullptr) {
  Answer answer;
  ReplyReader reader;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) {
    answer.lines.push_back(line);
    if (reader.feed(line) && stop_at_progress != nullptr) stop_at_progress->request_stop();
  };
  answer.result =
      run_child(worker({}, input), callbacks,
                stop_at_progress == nullptr ? std::stop_token() : stop_at_progress->get_token());
  answer.reply = reader.reply();
  return answer;
}

std::vector<std::string> lines_of(const std::vector<std::string>& arguments) {
  std::vector<std::string> lines;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) { lines.push_back(line); };
  EXPECT_EQ(run_child(worker(arguments, ""), callbacks).exit_code, 0);
  return lines;
}

/// Several requests to one process: its replies, each as if it had been alone.
std::vector<WorkerReply> ask_one_worker(const std::vector<WorkerRequest>& requests) {
  std::string input;
  for (const WorkerRequest& request : requests) input += to_json(request).dump() + "\n";
  std::vector<WorkerReply> replies;
  ReplyReader reader;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) {
    reader.feed(line);
    if (!reader.reply().complete) return;
    replies.push_back(reader.reply());
    reader = ReplyReader();
  };
  EXPECT_EQ(run_child(worker({}, input), callbacks).exit_code, 0);
  return replies;
}

class Worker : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / "worker_test";
    fs::remove_all(folder_);
    write_tiny_model(folder_ / "model", TinyFamily::kLlama, 1);
    fs::create_directories(folder_ / "data");
    write_stream();
    request_.model_folder = folder_ / "model";
    request_.model_hash = Checkpoint::open(request_.model_folder).content_hash();
    request_.method = "dense";
    request_.scratch = folder_;
  }
  void write_stream() {
    std::vector<std::int32_t> tokens;
    for (std::int32_t i = 0; i < 600; ++i) tokens.push_back((i * i + 3 * i) % kTinyVocab);
    const std::string bytes(reinterpret_cast<const char*>(tokens.data()),
                            tokens.size() * sizeof(std::int32_t));
    std::ofstream(folder_ / "data/tokens.bin", std::ios::binary) << bytes;
    const Json manifest = {{"version", 1},
                           {"format", "stream"},
                           {"tokens", tokens.size()},
                           {"files", {{"tokens.bin", sha256_hex(bytes)}}}};
    std::ofstream(folder_ / "data/manifest.json") << manifest.dump();
  }
  Answer ask_request(std::stop_source* stop = nullptr) {
    return ask(to_json(request_).dump(), stop);
  }

  fs::path folder_;
  WorkerRequest request_;
};

TEST(WorkerProgram, DescribesItself) {
  const std::vector<std::string> lines = lines_of({"--describe"});
  ASSERT_EQ(lines.size(), 1U);
  const Json document = Json::parse(lines[0]);
  std::vector<std::string> methods;
  for (const Json& method : document.at("methods")) {
    methods.push_back(method.at("name"));
    for (const Json& param : method.at("params")) param_spec_from_json(param);
    EXPECT_TRUE(method.at("needs").at("calibration").is_boolean());
  }
  EXPECT_THAT(methods, Contains("dense"));
  EXPECT_THAT(methods, Contains("magnitude"));
  EXPECT_FALSE(document.at("suite_kinds").empty());
  for (const Json& kind : document.at("suite_kinds")) {
    EXPECT_THAT(kind.at("stage").get<std::string>(), AnyOf(Eq("score"), Eq("time")));
    for (const Json& metric : kind.at("metrics")) metric_def_from_json(metric);
  }
  EXPECT_FALSE(document.at("families").empty());
  EXPECT_EQ(lines_of({"--version"}).at(0).substr(0, 13), "assay-worker ");
}

TEST(WorkerProgram, GarbageIsRefusedWithExitCodeTwo) {
  for (const char* garbage : {"", "x", "[]", R"({"v":1})", R"({"v":7,"op":"fit"})"}) {
    const Answer answer = ask(garbage);
    EXPECT_EQ(answer.result.exit_code, 2) << garbage;
    EXPECT_TRUE(answer.lines.empty()) << garbage;
    EXPECT_THAT(answer.result.stderr_tail, HasSubstr("assay-worker: ")) << garbage;
  }
  EXPECT_EQ(run_child(worker({"--descripe"}, "")).exit_code, 2);
}

TEST_F(Worker, FitsAndScores) {
  request_.op = "fit";
  request_.method = "magnitude";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "magnitude.safetensors";
  const Answer fitted = ask_request();
  ASSERT_EQ(fitted.named(), "OK  ");
  EXPECT_THAT(fitted.reply.metrics, Contains(Field(&MetricValue::tag, "fit/seconds")));
  EXPECT_GT(fitted.result.peak_rss_bytes, std::int64_t{50} << 20);

  request_.op = "score";
  request_.applied = {{"magnitude", folder_ / "magnitude.safetensors"}};
  request_.suite_kind = "token_ppl";
  request_.suite_params = {{"window", 32}};
  request_.data = folder_ / "data";
  const Answer scored = ask_request();
  ASSERT_EQ(scored.named(), "OK  ");
  EXPECT_TRUE(scored.reply.fingerprint.has_value());
  EXPECT_FALSE(scored.reply.items.empty());
  EXPECT_THAT(scored.reply.metrics, Contains(Field(&MetricValue::tag, "model/nonzero")));

  request_.op = "time";
  request_.suite_kind = "decode";
  request_.suite_params = {{"prompt_tokens", 8}, {"new_tokens", 4}, {"warmup_calls", 1}};
  request_.data = "";
  request_.expected = scored.reply.fingerprint;
  const Answer timed = ask_request();
  ASSERT_EQ(timed.named(), "OK  ");
  EXPECT_FALSE(timed.reply.samples.empty());

  request_.method = "dense";
  request_.applied.clear();
  EXPECT_THAT(ask_request().named(), HasSubstr("INVALID fingerprint_mismatch"));
}

TEST_F(Worker, StopRequestEndsItInterrupted) {
  request_.op = "time";
  request_.suite_kind = "decode";
  request_.suite_params = {
      {"prompt_tokens", 8}, {"new_tokens", 4}, {"warmup_calls", 1}, {"measured_calls", 10000000}};
  std::stop_source stop;
  const Answer answer = ask_request(&stop);
  EXPECT_EQ(answer.outcome().outcome, Outcome::kInterrupted);
  ASSERT_TRUE(answer.reply.outcome.has_value()) << "ended without a word";
  EXPECT_EQ(answer.reply.outcome->code, "sigterm");
  EXPECT_TRUE(answer.reply.complete);
  EXPECT_EQ(answer.result.signal, 0);
}

TEST_F(Worker, WhoeverElseEndsItMakesACrashAndNoInterrupt) {
  request_.op = "time";
  request_.suite_kind = "decode";
  request_.suite_params = {
      {"prompt_tokens", 8}, {"new_tokens", 4}, {"warmup_calls", 1}, {"measured_calls", 10000000}};
  std::int64_t pid = 0;
  ReplyReader reader;
  ChildCallbacks callbacks;
  callbacks.on_start = [&](std::int64_t started) { pid = started; };
  callbacks.on_line = [&](const std::string& line) {
    if (reader.feed(line)) ::kill(static_cast<pid_t>(pid), SIGTERM);
  };
  const ChildResult result = run_child(worker({}, to_json(request_).dump()), callbacks);
  EXPECT_FALSE(result.interrupted);
  const OutcomeReason outcome = classify(result, reader.reply());
  EXPECT_EQ(outcome.outcome, Outcome::kCrashed) << outcome.text;
  EXPECT_EQ(outcome.code, "signal:SIGTERM");
}

TEST_F(Worker, TooLittleMemoryToBeLoadedIsOutOfMemoryWithTheLimitNamed) {
  for (const std::int64_t limit : {std::int64_t{64} << 20, std::int64_t{400} << 20}) {
    ChildSpec spec = worker({}, to_json(request_).dump());
    spec.memory_limit_bytes = limit;
    const OutcomeReason outcome = classify(run_child(spec), {}, limit);
    EXPECT_EQ(outcome.outcome, Outcome::kOom) << outcome.text;
    EXPECT_EQ(outcome.code, "host");
    EXPECT_THAT(outcome.text, HasSubstr("under the memory limit of")) << outcome.text;
  }
}

TEST_F(Worker, AMissingModelIsAFaultOfTheMachineNotOfTheCell) {
  request_.op = "score";
  request_.suite_kind = "token_ppl";
  request_.data = folder_ / "data";
  request_.model_folder = folder_ / "nothing";
  const Answer answer = ask_request();
  EXPECT_THAT(answer.named(), HasSubstr("CRASHED file"));
  EXPECT_THAT(answer.named(), HasSubstr("nothing"));
}

/// Shared libraries that the loader would bring in.
std::vector<std::string> libraries_of(const std::string& program) {
  std::vector<std::string> libraries;
  std::FILE* pipe = ::popen(("ldd '" + program + "'").c_str(), "r");
  std::array<char, 4096> line{};
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) libraries.emplace_back(line.data());
  EXPECT_EQ(::pclose(pipe), 0);
  return libraries;
}

int count_of(const std::vector<std::string>& lines, const std::string& word) {
  int count = 0;
  for (const std::string& line : lines) count += line.find(word) != std::string::npos ? 1 : 0;
  return count;
}

TEST(Linkage, WorkerLoadsOneOpenMpRuntimeAndNoCuda) {
  const std::vector<std::string> libraries = libraries_of(ASSAY_WORKER);
  EXPECT_EQ(count_of(libraries, "libtorch_cpu"), 1);
  EXPECT_EQ(count_of(libraries, "omp.so") + count_of(libraries, "omp5.so"), 1);
  EXPECT_EQ(count_of(libraries, "libtorch_cuda"), 0);
  EXPECT_EQ(count_of(libraries, "not found"), 0);
}

TEST(Linkage, ProtocolAndProcessNeedNoTorch) {
  const std::vector<std::string> libraries = libraries_of(ASSAY_FIXTURE);
  EXPECT_FALSE(libraries.empty());
  EXPECT_EQ(count_of(libraries, "torch"), 0);
  EXPECT_EQ(count_of(libraries, "libc10"), 0);
}

/// Items as they are stored, bit by bit.
std::string items_of(const WorkerReply& reply) {
  std::string text;
  for (const ItemScore& item : reply.items) text += to_json(item).dump() + "\n";
  return text;
}

TEST_F(Worker, ScoresOfOneProcessAreThoseOfSeparateOnes) {
  request_.op = "score";
  request_.suite_kind = "token_ppl";
  request_.data = folder_ / "data";
  std::vector<WorkerRequest> requests;
  for (const int window : {16, 32, 16, 24}) {
    request_.suite_params = {{"window", window}};
    requests.push_back(request_);
  }
  requests[3].dtype = "bf16";  // another model
  const std::vector<WorkerReply> together = ask_one_worker(requests);
  ASSERT_EQ(together.size(), requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::vector<WorkerReply> alone = ask_one_worker({requests[i]});
    ASSERT_EQ(alone.size(), 1U);
    ASSERT_EQ(together[i].outcome->outcome, Outcome::kOk) << together[i].outcome->text;
    EXPECT_FALSE(together[i].items.empty());
    EXPECT_EQ(items_of(together[i]), items_of(alone[0]));
    EXPECT_EQ(together[i].fingerprint->values, alone[0].fingerprint->values);
  }
  EXPECT_NE(items_of(together[2]), items_of(together[3]));
}

TEST_F(Worker, AfterAFailureItTakesNoFurtherRequest) {
  request_.op = "score";
  request_.suite_kind = "token_ppl";
  WorkerRequest without_data = request_;
  request_.data = folder_ / "data";
  request_.suite_params = {{"window", 16}};
  const std::vector<WorkerReply> replies = ask_one_worker({request_, without_data, request_});
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[0].outcome->outcome, Outcome::kOk);
  EXPECT_EQ(replies[1].outcome->outcome, Outcome::kCrashed);
}

}  // namespace
}  // namespace assay
