// The real worker and the real Python tools on a small trained model.

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
  int papers = 0;
  for (const fs::path& file : experiments()) {
    const std::string name = file.filename().string();
    if (!name.starts_with("paper_")) continue;
    ++papers;
    EXPECT_TRUE(fs::exists(file.parent_path() / ("local_" + name.substr(6)))) << name;
    const CommandOutput plan = world_.run({"plan", file.string()});
    EXPECT_EQ(plan.code, 2) << name;
    EXPECT_THAT(plan.err, AllOf(HasSubstr("unknown model"), HasSubstr("or give the path of a")));
  }
  EXPECT_EQ(papers, 5);
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
