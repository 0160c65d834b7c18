#include "harness/worker/session.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>
#include <system_error>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/model/kernels/subnormals.h"
#include "harness/worker/describe.h"
#include "harness/worker/probe.h"
#include "harness/worker/session_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

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
  std::ofstream(folder_ / "data/manifest.json")
      << Json({{"version", 1}, {"notes", notes}, {"files", Json::object()}}).dump();
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
/// What the suites of several requests saw.
class KeptSession : public Session {
 protected:
  void SetUp() override {
    Session::SetUp();
    kept_ = std::make_unique<KeptModel>();
    script(Stage::kScore, [this](SuiteContext& context) { seen_.push_back(&context.model()); });
  }
  bool loads_again(const std::function<void()>& change) {
    EXPECT_EQ(named(run()), "OK ");
    change();
    EXPECT_EQ(named(run()), "OK ");
    return !kept_->was_kept();
  }
  std::vector<const Model*> seen_;
};

TEST_F(KeptSession, TheNextRequestFindsItsModelLoaded) {
  EXPECT_FALSE(loads_again([] {}));
  EXPECT_EQ(seen_[0], seen_[1]);
  EXPECT_FALSE(loads_again([&] { request_.seed = 7; })) << "no weights are drawn from it";
  EXPECT_FALSE(loads_again([&] { request_.suite_params = Json::object(); }));
}

TEST_F(KeptSession, WhatDecidesTheModelLoadsAnotherOne) {
  EXPECT_TRUE(loads_again([&] { request_.dtype = "bf16"; }));
  EXPECT_TRUE(loads_again([&] { request_.threads = 2; }));
}

TEST_F(KeptSession, RandomWeightsAreThoseOfTheirSeed) {
  request_.random_weights = true;
  request_.model_hash.clear();  // that of the weights
  kept_->get(request_);
  kept_->get(request_);
  EXPECT_TRUE(kept_->was_kept());
  request_.seed = 8;
  kept_->get(request_);
  EXPECT_FALSE(kept_->was_kept());
}

TEST_F(KeptSession, AnArtefactThatWasWrittenAnewIsAppliedAnew) {
  const auto fit = [&](double sparsity) {
    WorkerRequest scored = request_;
    request_.op = "fit";
    request_.method = "magnitude";
    request_.params = {{"sparsity", sparsity}};
    request_.artefact = folder_ / "artefact";
    EXPECT_EQ(named(run()), "OK ");
    std::swap(scored, request_);
    request_.method = "magnitude";
    request_.applied = {{"magnitude", folder_ / "artefact"}};
  };
  fit(0.5);
  EXPECT_TRUE(loads_again([&] { fit(0.25); }));
}

TEST_F(KeptSession, AModelThatChangedMeanwhileIsNotScored) {
  EXPECT_EQ(named(run()), "OK ");
  write_tiny_model(folder_ / "model", TinyFamily::kLlama, 2);
  EXPECT_EQ(named(run()), "INVALID model_changed");
}

TEST_F(KeptSession, TimesAreOfAModelThatNothingHasUsed) {
  EXPECT_EQ(named(run()), "OK ");
  script(Stage::kTime, [this](SuiteContext&) {});
  request_.op = "time";
  EXPECT_EQ(named(run()), "OK ");
  EXPECT_FALSE(kept_->was_kept());
}

/// The peak of a suite is not that of a hungrier one before it.
TEST_F(KeptSession, ThePeakIsThatOfTheSuite) {
  constexpr std::int64_t kHungry = std::int64_t{256} << 20;
  script(Stage::kScore, [](SuiteContext&) { (void)at::empty({kHungry}, at::kByte).fill_(1); });
  const double hungry = value_of(run(), "process/peak_rss");
  script(Stage::kScore, [](SuiteContext&) {});
  const double modest = value_of(run(), "process/peak_rss");
  EXPECT_LT(modest, hungry - 0.8 * static_cast<double>(kHungry));
}

}  // namespace
}  // namespace assay
