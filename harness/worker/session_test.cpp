#include "harness/worker/session.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <sstream>

#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/method/tiny_model.h"
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
    request_.model_hash = "hash";
    request_.method = "dense";
    request_.suite_kind = "scripted";
    request_.scratch = folder_ / "scratch";
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

TEST_F(Session, FailuresBecomeTypedOutcomes) {
  EXPECT_EQ(outcome_when([](auto&) { throw UserError("short"); }), "UNMET bad_input");
  EXPECT_EQ(outcome_when([](auto&) { throw MachineError("no"); }), "UNMET machine");
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

TEST_F(Session, BadRequestsAreUnmetWithTheReason) {
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
            }).find("UNMET bad_input"),
            std::string::npos);
  EXPECT_NE(text_when([](auto& r) { r.cores = {1023}; }).find("UNMET machine: core 1023"),
            std::string::npos);
  EXPECT_NE(text_when([](auto& r) { r.model_folder = "/nowhere"; }).find("UNMET bad_input"),
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
  script(Stage::kScore, [](auto&) {});
  const WorkerReply pruned = run();
  ASSERT_EQ(named(pruned), "OK ") << pruned.outcome->text;
  EXPECT_LT(value_of(pruned, "model/nonzero"), value_of(pruned, "model/params"));
  request_.model_hash = "another";
  EXPECT_EQ(named(run()), "UNMET bad_input");
  request_.artefact.clear();
  request_.method = "dense";
  const WorkerReply dense = run();
  EXPECT_GT(fingerprint_distance(*dense.fingerprint, *pruned.fingerprint), 1e-3);
}

TEST_F(Session, CalibrationMustFitTheModel) {
  const auto write = [&](const std::vector<std::int32_t>& tokens) {
    const std::string bytes(reinterpret_cast<const char*>(tokens.data()),
                            tokens.size() * sizeof(std::int32_t));
    const Json manifest = {
        {"version", 1}, {"format", "stream"}, {"files", {{"tokens.bin", sha256_hex(bytes)}}}};
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
  EXPECT_EQ(named(run()), "OK ");
  write(std::vector<std::int32_t>(100, kTinyVocab));
  EXPECT_NE(run().outcome->text.find("another tokenizer"), std::string::npos);
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

TEST_F(Session, ProbeAgreesBetweenPassAndDecodeForBothFamilies) {
  for (const TinyFamily family : {TinyFamily::kLlama, TinyFamily::kOpt}) {
    const fs::path folder = folder_ / "other";
    fs::remove_all(folder);
    write_tiny_model(folder, family, 3);
    Model model = Model::load(folder, {});
    const PassProbe pass = probe_pass(model);
    const DecodeProbe decode = probe_decode(model, pass.decisions);
    EXPECT_LE(fingerprint_distance(pass.fingerprint, decode.fingerprint),
              fingerprint_tolerance("fp32"));
    EXPECT_EQ(decode.changed_decisions, 0);
    EXPECT_GT(fingerprint_distance(pass.fingerprint, {std::vector<double>(64, 0.0)}), 0.5);
  }
}

/// Doubles the rows that it decides to double: those whose mean lies above an edge. Decoding sees
/// the edge moved by `tilt`, as rounding would move it.
class DecidingFfn final : public Ffn {
 public:
  DecidingFfn(std::unique_ptr<Ffn> inner, double tilt) : inner_(std::move(inner)), tilt_(tilt) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    const double edge = step.cache != nullptr ? tilt_ : 0.0;
    at::Tensor above = rows.gt(edge).select(1, 0).unsqueeze(1);
    if (step.decisions != nullptr) above = step.decisions->settle(step, above);
    return inner_->forward(rows, step).mul(above.add(1));
  }
  Linear* linear(LinearRole role) const override { return inner_->linear(role); }
  void replace_linear(LinearRole role, std::unique_ptr<Linear> block) override {
    inner_->replace_linear(role, std::move(block));
  }
  Cost cost() const override { return inner_->cost(); }
  std::unique_ptr<Ffn> clone() const override {
    return std::make_unique<DecidingFfn>(inner_->clone(), tilt_);
  }

 private:
  std::unique_ptr<Ffn> inner_;
  double tilt_;
};

TEST_F(Session, DecisionsAreSettledForTheComparisonAndTheirChangesCounted) {
  for (const double tilt : {0.0, 0.5, 1000.0}) {
    Model model = Model::load(request_.model_folder, {});
    for (Layer& layer : model.layers()) {
      layer.ffn = std::make_unique<DecidingFfn>(std::move(layer.ffn), tilt);
    }
    const PassProbe pass = probe_pass(model);
    const DecodeProbe decode = probe_decode(model, pass.decisions);
    EXPECT_LE(fingerprint_distance(pass.fingerprint, decode.fingerprint),
              fingerprint_tolerance("fp32"))
        << tilt;
    double chosen = 0;
    for (const at::Tensor& layer : pass.decisions) {
      chosen +=
          layer.to(at::kFloat).mean().item<double>() / static_cast<double>(pass.decisions.size());
    }
    if (tilt == 0.5) {
      EXPECT_GT(decode.changed_decisions, fingerprint_tolerance("fp32"));
    } else {
      // Nothing is above the highest edge.
      EXPECT_NEAR(decode.changed_decisions, tilt == 0 ? 0 : chosen, 1e-6);
    }
  }
}

/// What a prompt gets is another computation, on purpose; steps and scoring passes get the block.
class PromptPolicyFfn final : public Ffn {
 public:
  explicit PromptPolicyFfn(std::unique_ptr<Ffn> inner) : inner_(std::move(inner)) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    const bool prompt = step.phase == Phase::kPrefill && step.cache != nullptr;
    return prompt ? at::zeros_like(rows) : inner_->forward(rows, step);
  }
  Linear* linear(LinearRole role) const override { return inner_->linear(role); }
  void replace_linear(LinearRole role, std::unique_ptr<Linear> block) override {
    inner_->replace_linear(role, std::move(block));
  }
  Cost cost() const override { return inner_->cost(); }
  std::unique_ptr<Ffn> clone() const override {
    return std::make_unique<PromptPolicyFfn>(inner_->clone());
  }
  bool prefill_equals_decode() const override { return false; }

 private:
  std::unique_ptr<Ffn> inner_;
};

TEST_F(Session, ProbeOfAMethodWithAPolicyForPromptsGoesTokenByToken) {
  Model model = Model::load(request_.model_folder, {});
  for (Layer& layer : model.layers()) {
    layer.ffn = std::make_unique<PromptPolicyFfn>(std::move(layer.ffn));
  }
  const PassProbe pass = probe_pass(model);
  EXPECT_LE(fingerprint_distance(pass.fingerprint, probe_decode(model, pass.decisions).fingerprint),
            fingerprint_tolerance("fp32"));
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
  EXPECT_FALSE(document.at("families").empty());
  EXPECT_FALSE(document.at("build").at("torch").get<std::string>().empty());
}

}  // namespace
}  // namespace assay
