// The real worker and the real Python tools on a small trained model.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kExperiment = R"([experiment]
name = "real"
[measure]
processes_per_arm = 1
[[model]]
id = "tiny-gpt2-gelu"
[[method]]
id = "dense"
[[method]]
id = "magnitude"
sparsity = 0.5
[[method]]
id = "wanda"
sparsity = 0.5
calibration = { dataset = "tiny-corpus", split = "calibration", samples = 4, tokens = 64 }
[[suite]]
id = "tiny-corpus-ppl"
window = 128
limit = 4
[[suite]]
id = "decode"
prompt_tokens = 8
new_tokens = 4
)";

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

class RealWorker : public testing::Test {
 protected:
  void SetUp() override {
    const std::string data = environment_or("ASSAY_DATA", "");
    const std::string models = environment_or("ASSAY_MODELS", "");
    if (data.empty() || models.empty()) {
      GTEST_SKIP() << "set ASSAY_DATA and ASSAY_MODELS to the folders of the test data";
    }
    world_.set("ASSAY_DATA", data);
    world_.set("ASSAY_MODELS", models);
    world_.set("ASSAY_SHARE", source_dir().string());
    world_.set("ASSAY_WORKER", (binary_dir() / "bin/assay-worker").string());
    world_.set("ASSAY_PYTHON", test_python());
  }
  CliWorld world_;
};

/// Needs neither data nor models.
class ProjectFiles : public testing::Test {
 protected:
  ProjectFiles() {
    world_.set("ASSAY_SHARE", source_dir().string());
    world_.set("ASSAY_WORKER", (binary_dir() / "bin/assay-worker").string());
  }
  static std::vector<fs::path> experiments() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(source_dir() / "experiments")) {
      files.push_back(entry.path());
    }
    return files;
  }
  CliWorld world_;
};

TEST_F(ProjectFiles, EveryExperimentIsUnderstood) {
  for (const fs::path& file : experiments()) {
    const CommandOutput plan = world_.run({"plan", file.string(), "--resolved"});
    EXPECT_EQ(plan.code, 0) << file << plan.err;
  }
}

TEST_F(ProjectFiles, APapersTableHasALocalFormAndNamesWhatIsMissing) {
  world_.set("ASSAY_PYTHON", "/nowhere/python");  // nobody asks the Hub
  int papers = 0;
  for (const fs::path& file : experiments()) {
    const std::string name = file.filename().string();
    if (!name.starts_with("paper_")) continue;
    ++papers;
    EXPECT_TRUE(fs::exists(file.parent_path() / ("local_" + name.substr(6)))) << name;
    const CommandOutput plan = world_.run({"plan", file.string()});
    EXPECT_EQ(plan.code, 3) << name << plan.err;
    EXPECT_THAT(plan.out, AllOf(HasSubstr("assay model get "), HasSubstr("B to download; "),
                                Not(HasSubstr("not known"))));
  }
  EXPECT_EQ(papers, 10);
}

TEST_F(ProjectFiles, PublishedSettingsAreParametersOfTheMethods) {
  const CommandOutput list = world_.run({"reproduce", "--list"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("shadowllm"));
}

TEST_F(RealWorker, PrunesScoresTimesAndTheSecondRunRunsNothing) {
  world_.write("e.toml", kExperiment);
  const CommandOutput first = world_.run({"run", "e.toml"});
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err,
              AllOf(HasSubstr("6 cells OK, 0 UNMET, 0 failed"), HasSubstr("2 artefacts fitted")));
  const CommandOutput second = world_.run({"run", "e.toml"});
  EXPECT_EQ(second.code, 0);
  EXPECT_EQ(second.out, first.out);
  EXPECT_THAT(second.err, HasSubstr("6 of them stored before"));
}

TEST_F(RealWorker, APromptChoosesNeuronsForScoresAndForDecoding) {
  std::string text = replaced(kExperiment, "[[method]]\nid = \"magnitude\"\nsparsity = 0.5",
                              "[[method]]\nid = \"griffin\"");
  text = replaced(text, "limit = 4", "limit = 4\nprompt = [0, 64]");
  world_.write("e.toml", text);
  const CommandOutput result = world_.run({"run", "e.toml"});
  // Without a prompt there is nothing to choose by; the probe holds decoding to the masked pass.
  EXPECT_THAT(result.err, AllOf(HasSubstr("8 cells OK, 1 UNMET, 0 failed"),
                                HasSubstr("set `prompt` to the tokens of a window")));
}

constexpr const char* kRecovered = R"([experiment]
name = "recovered"
[measure]
processes_per_arm = 1
checkpoint_s = 5
[[model]]
id = "tiny-opt-relu"
[[method]]
id = "dense"
[[method]]
id = "wanda"
sparsity = 0.6
calibration = { dataset = "tiny-corpus", split = "calibration", samples = 8, tokens = 64 }
[[method]]
id = "wanda"
sparsity = 0.6
calibration = { dataset = "tiny-corpus", split = "calibration", samples = 8, tokens = 64 }
then = [{ id = "finetune", learning_rate = 3e-4, epochs = 1, batch = 4, training = { dataset = "tiny-corpus", split = "calibration", samples = 96, tokens = 128 } }]
[[suite]]
id = "tiny-corpus-ppl"
window = 128
limit = 8
)";

TEST_F(RealWorker, APrunedModelRecoversOnText) {
  world_.write("e.toml", kRecovered);
  const CommandOutput ran = world_.run({"run", "e.toml"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.err,
              AllOf(HasSubstr("3 cells OK, 0 UNMET, 0 failed"), HasSubstr("2 artefacts fitted")));
  SQLite::Database results((world_ / "results.db").string());
  SQLite::Statement rows(results,
                         "SELECT value FROM results WHERE metric = 'token_ppl' ORDER BY value");
  std::vector<double> values;
  while (rows.executeStep()) values.push_back(rows.getColumn(0).getDouble());
  ASSERT_EQ(values.size(), 3U);
  SQLite::Statement recovered(results,
                              "SELECT value FROM results WHERE metric = 'token_ppl' AND params "
                              "LIKE '%finetune%'");
  ASSERT_TRUE(recovered.executeStep());
  EXPECT_EQ(recovered.getColumn(0).getDouble(), values[1]) << "between dense and pruned";
  EXPECT_LT(values[1] - values[0], 0.8 * (values[2] - values[0])) << "a fifth of what was lost";
}

TEST_F(RealWorker, TrainingOnWhatASuiteScoresIsRefused) {
  const auto plan = [&](const std::string& text) {
    world_.write("e.toml", text);
    return world_.run({"plan", "e.toml"});
  };
  const std::string scored =
      replaced(kRecovered, R"("calibration", samples = 96)", R"("held", samples = 96)");
  const CommandOutput named = plan(scored);
  EXPECT_EQ(named.code, 2);
  EXPECT_THAT(named.err, HasSubstr("e.toml:18:9: method 'finetune' would train on the text that "
                                   "suite 'tiny-corpus-ppl' scores"));
  // The same text under another name.
  const fs::path share = world_ / "share-with-a-copy";
  fs::create_directories(share);
  for (const char* part : {"datasets", "hardware_profiles", "models", "python"}) {
    fs::copy(source_dir() / part, share / part, fs::copy_options::recursive);
  }
  std::string copy = read_text_file(share / "datasets/tiny-corpus.toml");
  write_file_atomically(share / "datasets/copy.toml",
                        replaced(copy, "\"tiny-corpus\"", "\"copy\""));
  world_.set("ASSAY_SHARE", share.string());
  const CommandOutput copied = plan(replaced(scored, R"(training = { dataset = "tiny-corpus")",
                                             R"(training = { dataset = "copy")"));
  EXPECT_EQ(copied.code, 2) << copied.out;
  EXPECT_THAT(copied.err, HasSubstr("would train on text of suite 'tiny-corpus-ppl': "));
}

TEST_F(RealWorker, CalibrationTextShorterThanAsked) {
  std::string text = replaced(kExperiment, "tokens = 64", "tokens = 250");
  text = replaced(text, R"("tiny-corpus", split = "calibration")", R"("short", split = "all")");
  const fs::path share = world_ / "short-share";
  fs::create_directories(share);
  for (const char* part : {"datasets", "hardware_profiles", "models", "python"}) {
    fs::copy(source_dir() / part, share / part, fs::copy_options::recursive);
  }
  write_file_atomically(share / "datasets/short.toml", R"(name = "short"
summary = "one line"
licence = "none"
source = "made up"
kind = "text"
join = "lines"
sampling = "stream"
[splits.all]
files = ["short.txt"]
)");
  world_.write("home/data/short/short.txt", "A short line of text.\n");
  world_.set("ASSAY_SHARE", share.string());
  world_.write("e.toml", text);
  const CommandOutput result = world_.run({"run", "e.toml"});
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("e.toml:"), HasSubstr("sequences of 250 tokens"),
                                HasSubstr("lower calibration.tokens")));
}

}  // namespace
}  // namespace assay
