// Calibration on questions with their answers: from a train split's raw file to a scored cell.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class RealItems : public testing::Test {
 protected:
  void SetUp() override {
    const std::string models = environment_or("ASSAY_MODELS", "");
    if (models.empty() || test_python().empty()) {
      GTEST_SKIP() << "set ASSAY_MODELS to the folder of the test models";
    }
    world_.set("ASSAY_MODELS", models);
    world_.set("ASSAY_SHARE", source_dir().string());
    world_.set("ASSAY_WORKER", (binary_dir() / "bin/assay-worker").string());
    world_.set("ASSAY_PYTHON", test_python());
    world_.write("data/lm_eval/piqa.jsonl", questions());
    world_.write("data/piqa/train.jsonl", questions());
  }
  static std::string questions() {
    std::string text;
    for (int i = 0; i < 12; ++i) {
      const Json row = {{"query", "Question: How to open jar " + std::to_string(i) + "?\n"},
                        {"choices", {"Turn the lid.", "Ask number " + std::to_string(i) + "."}},
                        {"gold", i % 2}};
      text += row.dump() + "\n";
    }
    return text;
  }
  [[nodiscard]] CommandOutput run(const std::string& split, const std::string& suite) const {
    world_.write("e.toml",
                 "[experiment]\nname = \"items\"\n[[model]]\nid = \"tiny-opt-relu\"\n"
                 "[[method]]\nid = \"shadowllm\"\nhead_epochs = 1\nffn_epochs = 1\n"
                 "calibration = { dataset = \"piqa\", split = \"" +
                     split + "\", samples = 50, tokens = 40 }\n[[suite]]\nid = \"" + suite +
                     "\"\nlimit = 2\n");
    return world_.run({"run", "e.toml", "--db", "r.db"});
  }
  /// The items that were prepared of a split.
  [[nodiscard]] Json prepared(const std::string& split) const {
    for (const auto& folder : fs::directory_iterator(world_ / "home/prepared")) {
      if (!folder.is_directory()) continue;
      const Json manifest = read_json_file(folder.path() / "manifest.json");
      if (manifest.at("split") != split) continue;
      Json items = read_json_file(folder.path() / "items.json").at("items");
      for (Json& item : items) item.erase("place");  // the name of the raw file
      return items;
    }
    return nullptr;
  }
  CliWorld world_;
};

TEST_F(RealItems, AreTracedTokenisedAsASuiteTokenisesThem) {
  const CommandOutput first = run("train", "piqa");
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("preparing piqa (train, piqa)"));
  const Json trained = prepared("train");
  ASSERT_EQ(trained.size(), 12U);
  EXPECT_EQ(trained, prepared("validation")) << "the same rows as a suite reads them";
  const CommandOutput report = world_.run({"report", "r.db"});
  EXPECT_THAT(report.out, HasSubstr("asks for 50 items, and the split has 12")) << report.err;
  const CommandOutput again = run("train", "piqa");
  EXPECT_THAT(again.out + again.err, HasSubstr("1 of them stored before; 0 artefacts fitted"));
}

TEST_F(RealItems, OfWhatASuiteScoresAreRefused) {
  const CommandOutput refused = run("validation", "piqa");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("calibrated on the right answers that suite 'piqa'"),
                                 HasSubstr("split 'validation'")));
}

}  // namespace
}  // namespace assay
