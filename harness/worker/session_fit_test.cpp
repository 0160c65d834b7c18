// Fits, and scores of what they made.

#include <algorithm>
#include <utility>

#include "harness/method/artefact.h"
#include "harness/worker/items_fixture.h"
#include "harness/worker/probe.h"
#include "harness/worker/session_fixture.h"
#include "harness/worker/stream_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

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

/// A text with a rule: each token is followed by the one after it.
std::vector<std::int32_t> ruled_text(int tokens) {
  std::vector<std::int32_t> text;
  for (int i = 0; i < tokens; ++i) text.push_back(i % 12);
  return text;
}

// A pruner, and behind it the recovery that every pruner may have: zeros stay, the loss falls.
TEST_F(Session, APrunedDecoderIsTrainedOnText) {
  write_stream(folder_ / "text", ruled_text(400));
  request_.op = "fit";
  request_.method = "magnitude";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "pruned.safetensors";
  ASSERT_EQ(named(run()), "OK ");
  request_.applied = {{"magnitude", folder_ / "pruned.safetensors"}};
  request_.method = "finetune";
  request_.artefact = folder_ / "trained.safetensors";
  request_.params = {{"learning_rate", 3e-3}, {"batch", 4}, {"epochs", 4}, {"dev_share", 0.1}};
  EXPECT_NE(run().outcome->text.find("add training = { dataset"), std::string::npos);
  request_.training_text = TrainingTextRequest{folder_ / "text", 20, 16};
  const WorkerReply fitted = run();
  ASSERT_EQ(named(fitted), "OK ") << fitted.outcome->text;
  EXPECT_EQ(value_of(fitted, "fit/training_tokens"), 20 * 16);
  EXPECT_EQ(value_of(fitted, "train/steps"), 4 * 5);  // 18 windows, two are held out
  EXPECT_EQ(remark_of(fitted, "data_training_not_pinned"), "training data: another file");
  EXPECT_LT(value_of(fitted, "train/loss"), 0.8 * value_of(fitted, "train/loss/step.1"));

  request_.op = "score";
  request_.training_text.reset();
  script(Stage::kScore, [](auto&) {});
  const WorkerReply pruned = run();
  request_.applied.push_back({"finetune", folder_ / "trained.safetensors"});
  const WorkerReply trained = run();
  ASSERT_EQ(named(trained), "OK ") << trained.outcome->text;
  EXPECT_EQ(value_of(trained, "model/nonzero"), value_of(pruned, "model/nonzero"));
  EXPECT_GT(fingerprint_distance(*trained.fingerprint, *pruned.fingerprint), 1e-3);
}

TEST_F(Session, TrainingDataOfAFormThatTheModelCannotLearnFromAreUnmet) {
  write_stream(folder_ / "text", ruled_text(64));
  request_.op = "fit";
  request_.artefact = folder_ / "a.safetensors";
  request_.method = "finetune";
  request_.training = TrainingRequest{.data = folder_ / "labelled"};
  const WorkerReply labelled = run();
  EXPECT_EQ(named(labelled), "UNMET requirement");
  EXPECT_NE(labelled.outcome->text.find("give training a data set of kind text"),
            std::string::npos);
  request_.training.reset();
  request_.training_text = TrainingTextRequest{folder_ / "text", 0, kTinyPositions + 1};
  EXPECT_NE(run().outcome->text.find("training.tokens is 65"), std::string::npos);
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
    write_stream(folder_, tokens);
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

TEST_F(Session, ItemsAreTracedWhereAMethodTakesThem) {
  write_items(folder_ / "items", numbered_items(20));
  request_.op = "fit";
  request_.method = "shadowllm";
  request_.stage = "traces";
  request_.params = {{"criterion", "plainact"}};
  request_.artefact = folder_ / "a.safetensors";
  request_.calibration = CalibrationRequest{folder_ / "items", "items", 500, 16};
  const WorkerReply fitted = run();
  ASSERT_EQ(named(fitted), "OK ") << fitted.outcome->text;
  EXPECT_EQ(remark_of(fitted, "data_calibration_not_pinned"), "calibration data: another file");
  EXPECT_TRUE(remark_of(fitted, "calibration_few_items"));
  EXPECT_TRUE(remark_of(fitted, "calibration_cut_context"));
  double tokens = 0;
  for (int i = 0; i < 20; ++i) tokens += std::min(16, 2 + i + 1 + i % 3);
  EXPECT_EQ(value_of(fitted, "fit/calibration_tokens"), tokens);
  const auto traces = load_artefact(request_.artefact).second.tensors;
  EXPECT_EQ(traces.at("contexts").size(0), 20);

  request_.calibration->tokens = kTinyPositions + 1;
  EXPECT_NE(run().outcome->text.find("lower calibration.tokens"), std::string::npos);
  request_.calibration->tokens = 16;
  request_.method = "wanda";
  request_.stage = "";
  request_.params = {{"sparsity", 0.5}};
  EXPECT_NE(run().outcome->text.find("'wanda' calibrates on a text, not on items"),
            std::string::npos);
}
}  // namespace
}  // namespace assay
