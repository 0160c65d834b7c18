// Fits, and scores of what they made.

#include <fstream>
#include <utility>

#include "harness/base/hashing.h"
#include "harness/worker/probe.h"
#include "harness/worker/session_fixture.h"

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
}  // namespace
}  // namespace assay
