#include "harness/worker/session.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <system_error>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/data/labelled_fixture.h"
#include "harness/method/tiny_model.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/kernels/subnormals.h"
#include "harness/worker/describe.h"
#include "harness/worker/probe.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// A suite kind that does what the test says.
class ScriptedSuite final : public SuiteKind {
 public:
  ScriptedSuite(Stage stage, std::function<void(SuiteContext&)> script)
      : stage_(stage), script_(std::move(script)) {}
  [[nodiscard]] SuiteKindInfo info() const override {
    SuiteKindInfo info;
    info.name = "scripted";
    info.stage = stage_;
    return info;
  }
  void run(SuiteContext& context, const Params& params) const override { script_(context); }

 private:
  Stage stage_;
  std::function<void(SuiteContext&)> script_;
};

class Session : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / "session_test";
    fs::remove_all(folder_);
    write_tiny_model(folder_ / "model", TinyFamily::kLlama, 1);
    fs::create_directories(folder_ / "scratch");
    register_builtin_methods(methods_);
    request_.op = "score";
    request_.model_folder = folder_ / "model";
    plan_model();
    request_.method = "dense";
    request_.suite_kind = "scripted";
    request_.scratch = folder_ / "scratch";
  }

  /// As the model lies there now.
  void plan_model() {
    request_.model_hash = Checkpoint::open(request_.model_folder).content_hash();
  }

  void script(Stage stage, std::function<void(SuiteContext&)> script) {
    suites_ = {};
    suites_.add(std::make_unique<ScriptedSuite>(stage, std::move(script)));
  }

  WorkerReply run() {
    std::FILE* file = std::tmpfile();
    ReplyWriter writer(::fileno(file));
    serve(request_, {.methods = methods_, .suites = suites_, .writer = writer, .stop = stop_});
    std::rewind(file);
    std::string text;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
    std::fclose(file);
    ReplyReader reader;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) reader.feed(line);
    EXPECT_TRUE(reader.reply().complete);
    EXPECT_TRUE(reader.reply().outcome.has_value());
    return reader.reply();
  }
  static std::string named(const WorkerReply& reply) {
    return std::string(outcome_name(reply.outcome->outcome)) + " " + reply.outcome->code;
  }
  std::string outcome_when(std::function<void(SuiteContext&)> what) {
    script(Stage::kScore, std::move(what));
    return named(run());
  }

  fs::path folder_;
  MethodRegistry methods_;
  SuiteRegistry suites_;
  StopFlag stop_ = false;
  WorkerRequest request_;
};

double value_of(const WorkerReply& reply, const std::string& tag) {
  for (const MetricValue& metric : reply.metrics) {
    if (metric.tag == tag) return metric.value.value();
  }
  ADD_FAILURE() << "no metric " << tag;
  return 0;
}

std::optional<std::string> remark_of(const WorkerReply& reply, const std::string& code) {
  for (const WorkerReply::Event& event : reply.events) {
    if (event.code == code && event.level == "warning") return event.text;
  }
  return std::nullopt;
}

TEST_F(Session, ScoreSaysAccountingFingerprintAndEnvironment) {
  script(Stage::kScore, [](SuiteContext& context) {
    EXPECT_EQ(context.model().spec().vocab, kTinyVocab);
    EXPECT_EQ(&context.dense_twin(), &context.dense_twin());
    context.emit({"m", 2.0, {}, {}, {}, 3, "", ""});
  });
  const WorkerReply reply = run();
  EXPECT_EQ(named(reply), "OK ");
  EXPECT_EQ(value_of(reply, "m"), 2.0);
  EXPECT_GT(value_of(reply, "model/params"), 1000);
  EXPECT_GE(value_of(reply, "model/params"), value_of(reply, "model/nonzero"));
  EXPECT_GT(value_of(reply, "process/peak_rss"), 1e7);
  EXPECT_EQ(reply.fingerprint->values.size(), 64U);
  EXPECT_EQ(reply.environment.at("torch").at("threads"), 1);
  EXPECT_EQ(reply.environment.at("dtype"), "fp32");
  EXPECT_EQ(reply.environment.at("device"), "cpu");
}

/// Whatever the suite does with its data: no kind can forget it, and timed ones say it too.
TEST_F(Session, NotesOfTheDataAreRemarkedByEveryProcess) {
  request_.data = folder_ / "data";
  const Json notes = {{{"code", "data_stripped"}, {"text", "lines are missing"}},
                      {{"code", "data_line_ends"}, {"text", "CRLF"}}};
  fs::create_directories(folder_ / "data");
  std::ofstream(folder_ / "data/manifest.json") << Json({{"notes", notes}}).dump();
  for (const Stage stage : {Stage::kScore, Stage::kTime}) {
    request_.op = stage == Stage::kScore ? "score" : "time";
    script(stage, [](auto&) {});
    const WorkerReply reply = run();
    EXPECT_EQ(named(reply), "OK ");
    ASSERT_EQ(reply.events.size(), 2U);
    EXPECT_EQ(reply.events[0].level, "warning");
    EXPECT_EQ(reply.events[0].code, "data_stripped");
    EXPECT_EQ(reply.events[0].text, "lines are missing");
    EXPECT_EQ(reply.events[1].code, "data_line_ends");
  }
}

TEST_F(Session, EveryOperationSaysWhatIsUnusualAboutTheModel) {
  Json config = read_json_file(folder_ / "model/config.json");
  config["flavour"] = "vanilla";
  config["colour"] = "blue";
  std::ofstream(folder_ / "model/config.json") << config.dump();
  plan_model();
  const auto remark = [&] {
    std::string found;
    const WorkerReply reply = run();
    for (const WorkerReply::Event& event : reply.events) {
      if (event.level == "warning" && event.code == "model_config_key") found += event.text + "|";
    }
    return found;
  };
  const std::string expected =
      "'colour' is \"blue\" in config.json, which nothing here reads; "
      "'flavour' is \"vanilla\" in config.json, which nothing here reads|";
  script(Stage::kScore, [](SuiteContext& context) { (void)context.dense_twin(); });
  EXPECT_EQ(remark(), expected);
  script(Stage::kTime, [](auto&) {});
  request_.op = "time";
  EXPECT_EQ(remark(), expected);
  request_.op = "fit";
  request_.method = "magnitude";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "artefact";
  EXPECT_EQ(remark(), expected);
}

TEST_F(Session, EveryOperationComputesWithoutSubnormalNumbers) {
  request_.threads = 3;
  bool flushed = false;
  for (const Stage stage : {Stage::kScore, Stage::kTime}) {
    request_.op = stage == Stage::kScore ? "score" : "time";
    script(stage, [&](SuiteContext&) { flushed = subnormals_are_flushed(); });
    const WorkerReply reply = run();
    EXPECT_EQ(named(reply), "OK ");
    EXPECT_TRUE(flushed) << request_.op;
    EXPECT_EQ(reply.environment.at("subnormals"), "flushed");
    EXPECT_FALSE(remark_of(reply, "model_subnormals")) << "none are there";
  }
}

/// Makes each `nth` weight of a model file subnormal: its exponent becomes zero.
void make_subnormal(const fs::path& file, std::size_t nth) {
  std::string bytes = read_text_file(file);
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof(header));
  for (std::size_t at = sizeof(header) + header; at < bytes.size(); at += nth * sizeof(float)) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    word = (word & 0x807fffffU) | 1U;
    std::memcpy(bytes.data() + at, &word, sizeof(word));
  }
  std::ofstream(file, std::ios::binary) << bytes;
}

TEST_F(Session, SubnormalWeightsAreRemarkedOn) {
  make_subnormal(request_.model_folder + "/model.safetensors", 10);
  plan_model();
  for (const Stage stage : {Stage::kScore, Stage::kTime}) {
    request_.op = stage == Stage::kScore ? "score" : "time";
    script(stage, [](SuiteContext&) {});
    const auto text = remark_of(run(), "model_subnormals");
    ASSERT_TRUE(text) << request_.op;
    EXPECT_EQ(text->find("10 % of the model's weights are subnormal numbers"), 0U) << *text;
    EXPECT_NE(text->find("most of them in embedding (10 % of it)"), std::string::npos) << *text;
  }
}

TEST_F(Session, FailuresBecomeTypedOutcomes) {
  EXPECT_EQ(outcome_when([](auto&) { throw DoesNotApply("no gate"); }), "UNMET requirement");
  EXPECT_EQ(outcome_when([](auto&) { throw NotOnThisMachine("no GPU"); }), "UNMET machine");
  EXPECT_EQ(outcome_when([](auto&) { throw UserError("short"); }), "CRASHED bad_input");
  EXPECT_EQ(outcome_when([](auto&) { throw FileError("gone"); }), "CRASHED file");
  EXPECT_EQ(outcome_when([](auto&) { throw MachineError("disk full"); }), "CRASHED machine");
  EXPECT_EQ(outcome_when([](auto&) { (void)fs::file_size("/nowhere"); }), "CRASHED file");
  EXPECT_EQ(outcome_when([](auto&) { throw std::system_error(EMFILE, std::generic_category()); }),
            "CRASHED machine");
  EXPECT_EQ(outcome_when([](auto&) { throw std::bad_alloc(); }), "OOM host");
  EXPECT_EQ(outcome_when([](auto&) { throw std::logic_error("x"); }), "CRASHED error");
  EXPECT_EQ(outcome_when([](auto&) { throw 5; }), "CRASHED error");
  EXPECT_EQ(outcome_when([](SuiteContext& context) {
              context.emit({"m", std::nan(""), {}, {}, {}, 1, "", ""});
            }),
            "NAN metric");
  EXPECT_EQ(outcome_when([](auto&) { TORCH_CHECK(false, "inner"); }), "CRASHED error");
  EXPECT_EQ(outcome_when([](auto&) { TORCH_CHECK_WITH(OutOfMemoryError, false, "device"); }),
            "OOM device");
}

TEST_F(Session, RealFailedAllocationOfTorchIsOutOfMemory) {
  EXPECT_EQ(outcome_when(
                [](auto&) { static_cast<void>(at::empty({std::int64_t{1} << 46}, at::kFloat)); }),
            "OOM host");
}

TEST_F(Session, TextOfTorchErrorsHasNoBacktrace) {
  script(Stage::kScore, [](auto&) { TORCH_CHECK(false, "only this"); });
  EXPECT_EQ(run().outcome->text, "only this");
}

TEST_F(Session, StopRequestInterrupts) {
  script(Stage::kScore, [this](SuiteContext& context) {
    context.progress(1, 10, "windows");
    stop_ = true;
    context.progress(2, 10, "windows");
    ADD_FAILURE() << "went on";
  });
  EXPECT_EQ(named(run()), "INTERRUPTED sigterm");
}

TEST_F(Session, BadRequestsFailWithTheReason) {
  script(Stage::kScore, [](auto&) {});
  const WorkerRequest good = request_;
  const auto text_when = [&](const std::function<void(WorkerRequest&)>& change) {
    request_ = good;
    change(request_);
    const WorkerReply reply = run();
    return named(reply) + ": " + reply.outcome->text;
  };
  EXPECT_NE(text_when([](auto& r) { r.suite_kind = "scriptd"; }).find("did you mean"),
            std::string::npos);
  EXPECT_NE(text_when([](auto& r) { r.method = "magnitude"; }).find("needs an artefact"),
            std::string::npos);
  EXPECT_NE(text_when([](auto& r) { r.op = "time"; }).find("belongs to operation 'score'"),
            std::string::npos);
  EXPECT_NE(text_when([](auto& r) { r.random_weights = true; }).find("needs trained weights"),
            std::string::npos);
  EXPECT_NE(text_when([](auto& r) {
              r.suite_params = {{"x", 1}};
            }).find("CRASHED bad_input"),
            std::string::npos);
  EXPECT_NE(text_when([](auto& r) { r.cores = {1023}; }).find("UNMET machine: core 1023"),
            std::string::npos);
  EXPECT_NE(text_when([](auto& r) { r.model_folder = "/nowhere"; }).find("CRASHED file"),
            std::string::npos);
}

TEST_F(Session, FitThenScoreWithItsArtefact) {
  request_.op = "fit";
  request_.method = "magnitude";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "a.safetensors";
  const WorkerReply fitted = run();
  ASSERT_EQ(named(fitted), "OK ") << fitted.outcome->text;
  EXPECT_GE(value_of(fitted, "fit/seconds"), 0);
  EXPECT_EQ(value_of(fitted, "artefact/bytes"), fs::file_size(request_.artefact));
  EXPECT_TRUE(fs::is_empty(folder_ / "scratch")) << "the scratch folder was left behind";

  request_.op = "score";
  request_.applied = {{"magnitude", folder_ / "a.safetensors"}};
  script(Stage::kScore, [](auto&) {});
  const WorkerReply pruned = run();
  ASSERT_EQ(named(pruned), "OK ") << pruned.outcome->text;
  EXPECT_LT(value_of(pruned, "model/nonzero"), value_of(pruned, "model/params"));
  const std::string hash = std::exchange(request_.model_hash, "another");
  EXPECT_EQ(named(run()), "INVALID model_changed");
  request_.model_hash = hash;
  const fs::path other = folder_ / "b.safetensors";
  fs::copy_file(request_.artefact, other);
  request_.applied = {{"magnitude", other}};
  const WorkerReply renamed = run();
  EXPECT_EQ(named(renamed), "CRASHED file");
  EXPECT_NE(renamed.outcome->text.find("it was written as 'a'"), std::string::npos);
  request_.applied = {{"wanda", folder_ / "a.safetensors"}};
  EXPECT_EQ(named(run()), "INVALID artefact_changed");
  request_.applied.clear();
  EXPECT_NE(run().outcome->text.find("needs an artefact"), std::string::npos);
  request_.method = "dense";
  const WorkerReply dense = run();
  EXPECT_GT(fingerprint_distance(*dense.fingerprint, *pruned.fingerprint), 1e-3);
}

// The second link prunes what the first one left: fitted alone it keeps other weights.
TEST_F(Session, ALinkIsFittedOnWhatTheLinksBeforeItMade) {
  request_.op = "fit";
  request_.method = "magnitude";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "first.safetensors";
  ASSERT_EQ(named(run()), "OK ");
  request_.applied = {{"magnitude", folder_ / "first.safetensors"}};
  request_.method = "quantize";
  request_.params = {{"algorithm", "rtn"}, {"group", 32}};
  request_.artefact = folder_ / "second.safetensors";
  const WorkerReply second = run();
  ASSERT_EQ(named(second), "OK ") << second.outcome->text;

  request_.op = "score";
  request_.applied.push_back({"quantize", folder_ / "second.safetensors"});
  script(Stage::kScore, [](auto&) {});
  const WorkerReply both = run();
  ASSERT_EQ(named(both), "OK ") << both.outcome->text;
  // Zeros stay zeros in the packed matrix.
  EXPECT_LT(value_of(both, "model/nonzero"), 0.75 * value_of(both, "model/params"));
  request_.applied.pop_back();
  const WorkerReply first = run();
  EXPECT_GT(fingerprint_distance(*first.fingerprint, *both.fingerprint), 1e-4);
}

TEST_F(Session, AStageThatNobodyDeclaredIsRefused) {
  request_.op = "fit";
  request_.method = "magnitude";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "a.safetensors";
  request_.stage = "traces";
  EXPECT_NE(run().outcome->text.find("has no stage 'traces'"), std::string::npos);
}

TEST_F(Session, CalibrationMustFitTheModel) {
  const auto write = [&](const std::vector<std::int32_t>& tokens) {
    const std::string bytes(reinterpret_cast<const char*>(tokens.data()),
                            tokens.size() * sizeof(std::int32_t));
    const Json manifest = {{"version", 1},
                           {"format", "stream"},
                           {"notes", {{{"code", "data_not_pinned"}, {"text", "another file"}}}},
                           {"files", {{"tokens.bin", sha256_hex(bytes)}}}};
    std::ofstream(folder_ / "manifest.json") << manifest.dump();
    std::ofstream(folder_ / "tokens.bin", std::ios::binary) << bytes;
  };
  request_.op = "fit";
  request_.method = "wanda";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "a.safetensors";
  EXPECT_NE(run().outcome->text.find("needs calibration"), std::string::npos);
  request_.calibration = CalibrationRequest{folder_, "stream", 2, 16};
  write(std::vector<std::int32_t>(100, 7));
  const WorkerReply fitted = run();
  EXPECT_EQ(named(fitted), "OK ");
  ASSERT_EQ(fitted.events.size(), 1U);
  EXPECT_EQ(fitted.events[0].level, "warning");
  EXPECT_EQ(fitted.events[0].code, "data_calibration_not_pinned");
  EXPECT_EQ(fitted.events[0].text, "calibration data: another file");
  write(std::vector<std::int32_t>(100, kTinyVocab));
  EXPECT_NE(run().outcome->text.find("is beyond the " + std::to_string(kTinyVocab) + " rows"),
            std::string::npos);
  request_.calibration->tokens = kTinyPositions + 1;
  EXPECT_NE(run().outcome->text.find("lower calibration.tokens"), std::string::npos);
}

TEST_F(Session, TimedModelMustBeTheScoredOne) {
  script(Stage::kScore, [](auto&) {});
  const Fingerprint scored = run().fingerprint.value();
  script(Stage::kTime, [](auto&) {});
  request_.op = "time";
  request_.expected = scored;
  for (const char* dtype : {"fp32", "bf16"}) {
    request_.dtype = dtype;
    EXPECT_EQ(named(run()), "OK ") << dtype;
  }
  request_.dtype = "fp32";
  request_.expected->values[7] *= 1.5;
  request_.expected->values[7] += 1;
  EXPECT_EQ(named(run()), "INVALID fingerprint_mismatch");
}

/// An encoder with a classifier, real suites and labelled data.
class EncoderSession : public Session {
 protected:
  void SetUp() override {
    Session::SetUp();
    register_builtin_suites(suites_);
    take("bert_classifier");
    items_.label_names = {"a", "b", "c"};
    items_.max_tokens = 16;
    for (std::int32_t i = 0; i < 6; ++i) add_item(items_, {2, 10 + i, 20 - i, 3}, i % 3);
    fs::create_directories(folder_ / "labelled");
    write_labelled(folder_ / "labelled", items_);
  }
  void take(const std::string& encoder) {
    request_.model_folder = encoder_folder() / encoder;
    plan_model();
  }
  WorkerReply score(const std::string& kind, const Json& params = Json::object()) {
    request_.op = "score";
    request_.suite_kind = kind;
    request_.suite_params = params;
    request_.data = folder_ / "labelled";
    return run();
  }
  WorkerReply time(const std::string& kind, const Json& params) {
    request_.op = "time";
    request_.suite_kind = kind;
    request_.suite_params = params;
    request_.data.clear();
    return run();
  }
  static std::string text(const WorkerReply& reply) {
    return named(reply) + ": " + reply.outcome->text;
  }

  const Json labelled_ = {{"max_tokens", 16}};
  const Json quick_ = {{"batch", 2},       {"length", 8},         {"seconds", 0},   {"warmup", 1},
                       {"max_seconds", 0}, {"warmup_seconds", 0}, {"iterations", 1}};
  LabelledItems items_;
};

TEST_F(EncoderSession, IsScoredAndTimedWithOneFingerprint) {
  for (const char* dtype : {"fp32", "bf16"}) {
    request_.dtype = dtype;
    request_.expected.reset();
    const WorkerReply scored = score("classification", labelled_);
    ASSERT_EQ(text(scored), "OK : ") << dtype;
    EXPECT_EQ(scored.items.size(), 6U);
    EXPECT_EQ(scored.fingerprint->values.size(), 6U) << "2 sequences, 3 classes";
    EXPECT_GT(value_of(scored, "model/flops_per_token"), 0);
    request_.expected = scored.fingerprint;
    const WorkerReply timed = time("classify_throughput", quick_);
    ASSERT_EQ(text(timed), "OK : ") << dtype;
    EXPECT_GT(value_of(timed, "classify/items_per_s"), 0);
    EXPECT_EQ(timed.fingerprint->values, scored.fingerprint->values);
    request_.expected->values[0] += 1;
    EXPECT_EQ(named(time("classify_throughput", quick_)), "INVALID fingerprint_mismatch");
  }
}

TEST_F(EncoderSession, PrunedIsAnotherModel) {
  const Fingerprint dense = score("classification", labelled_).fingerprint.value();
  request_.op = "fit";
  request_.method = "magnitude";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "a.safetensors";
  ASSERT_EQ(text(run()), "OK : ");
  request_.applied = {{"magnitude", request_.artefact}};
  const WorkerReply pruned = score("classification_kl", labelled_);
  ASSERT_EQ(text(pruned), "OK : ");
  EXPECT_GT(value_of(pruned, "kl"), 0);
  EXPECT_GT(fingerprint_distance(dense, pruned.fingerprint.value()), 1e-3);
}

TEST_F(EncoderSession, SuitesOfDecodersDoNotApplyAndSayWhatDoes) {
  for (const char* kind : {"token_ppl", "kl", "multiple_choice", "last_word"}) {
    const std::string found = text(score(kind));
    EXPECT_EQ(found.find("UNMET requirement: suite kind '" + std::string(kind) +
                         "': causal must be true (this model: false): an encoder predicts no next"),
              0U)
        << found;
  }
  for (const char* kind : {"prefill", "decode", "ffn_decode"}) {
    EXPECT_EQ(named(time(kind, Json::object())), "UNMET requirement") << kind;
  }
  EXPECT_EQ(text(time("kernel", {{"seconds", 0}, {"warmup_seconds", 0}})), "OK : ")
      << "a block is a block";
}

TEST_F(EncoderSession, ClassificationNeedsAClassifier) {
  for (const char* name : {"bert_model", "bert_mlm"}) {
    take(name);
    const std::string found = text(score("classification", labelled_));
    EXPECT_EQ(found.find("UNMET requirement: suite kind 'classification': output must be "
                         "classifier"),
              0U)
        << found;
    EXPECT_NE(found.find("fine-tune one first"), std::string::npos) << found;
  }
  EXPECT_EQ(text(time("classify_throughput", quick_)), "OK : ") << "hidden rows of the first token";
  take("bert_model");
  EXPECT_EQ(text(time("classify_throughput", quick_)), "OK : ") << "pooled rows";
  request_.model_folder = folder_ / "model";  // a decoder
  plan_model();
  EXPECT_EQ(named(score("classification", labelled_)), "UNMET requirement");
  EXPECT_EQ(named(time("classify_throughput", quick_)), "UNMET requirement");
}

TEST_F(EncoderSession, ClassesInAnotherOrderAreInvalid) {
  fs::copy(request_.model_folder, folder_ / "named");
  Json config = read_json_file(folder_ / "named/config.json");
  config.erase("label2id");
  config["id2label"] = {{"0", "b"}, {"1", "a"}, {"2", "c"}};
  std::ofstream(folder_ / "named/config.json") << config.dump();
  request_.model_folder = folder_ / "named";
  plan_model();
  EXPECT_EQ(named(score("classification", labelled_)), "INVALID label_order");
}

TEST_F(EncoderSession, ATrainingThatOverflowsIsNoNumberAndSaysWhere) {
  request_.op = "fit";
  request_.method = "finetune";
  request_.params = {{"learning_rate", 1e30}, {"batch", 2}, {"warmup", 0}, {"dropout", false}};
  request_.training = TrainingRequest{.data = folder_ / "labelled"};
  request_.artefact = folder_ / "a.safetensors";
  const std::string found = text(run());
  EXPECT_EQ(found.find("NAN training_"), 0U) << found;
  EXPECT_NE(found.find("training, step 2 of 9: "), std::string::npos) << found;
  EXPECT_NE(found.find("e+30 in layer."), std::string::npos) << found;
  EXPECT_FALSE(fs::exists(request_.artefact));
}

TEST_F(Session, DescriptionNamesEverythingRegistered) {
  script(Stage::kTime, [](auto&) {});
  const Json document = describe(methods_, suites_);
  EXPECT_EQ(document.at("version"), 1);
  ASSERT_EQ(document.at("methods").size(), methods_.all().size());
  for (const Json& method : document.at("methods")) {
    EXPECT_EQ(method.at("source_hash").get<std::string>().size(), 64U) << method.at("name");
    for (const Json& param : method.at("params")) param_spec_from_json(param);
  }
  EXPECT_EQ(document.at("suite_kinds").at(0).at("stage"), "time");
  EXPECT_TRUE(document.at("suite_kinds").at(0).at("requires").empty());
  suites_ = {};
  register_builtin_suites(suites_);
  for (const Json& kind : describe(methods_, suites_).at("suite_kinds")) {
    if (kind.at("name") != "classification") continue;
    const auto needs = requirements_from_json(kind.at("requires"));
    ASSERT_EQ(needs.size(), 1U);
    EXPECT_EQ(needs[0].trait, "output");
    EXPECT_FALSE(needs[0].advice.empty());
  }
  EXPECT_FALSE(document.at("families").empty());
  EXPECT_FALSE(document.at("build").at("torch").get<std::string>().empty());
}

}  // namespace
}  // namespace assay
