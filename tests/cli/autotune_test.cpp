// `assay autotune` from end to end, on a grid that came out of a file.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Autotune : public testing::Test {
 protected:
  Autotune() {
    std::string csv = "model,method,params,suite,metric,direction,value,lo,hi\n";
    for (const int instances : {1, 2, 5, 10}) {
      for (const double sparsity : {0.0, 0.6, 0.9}) {
        if (instances == 5 && sparsity == 0.9) continue;  // nobody measured it
        const std::string setting = chain(instances, sparsity);
        const double acc = 0.86 - 0.02 * instances - 0.06 * sparsity;
        csv += fmt::format("tiny,{},sst2,acc,1,{},{},{}\n", setting, acc, acc - 0.01, acc + 0.01);
        csv += fmt::format("tiny,{},speed,classify/items_per_s,1,{},,\n", setting,
                           100 * instances * (1 + sparsity));
      }
    }
    world_.write("grid.csv", csv);
    EXPECT_EQ(world_.run({"import", "grid.csv"}).code, 0);
  }

  static std::string chain(int instances, double sparsity) {
    const std::string then =
        sparsity > 0 ? fmt::format("\"\"then\"\":[{{\"\"id\"\":\"\"cofi\"\",\"\"sparsity\"\":{}}}]",
                                   sparsity)
                     : "";
    if (instances == 1) return fmt::format("finetune,\"{{{}}}\"", then);
    return fmt::format("mux,\"{{\"\"instances\"\":{}{}{}}}\"", instances, then.empty() ? "" : ",",
                       then);
  }

  [[nodiscard]] CommandOutput tune(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"autotune",        "results.db", "--over",
                                      "mux.instances:1", "--over",     "cofi.sparsity:0"};
    words.insert(words.end(), more.begin(), more.end());
    return world_.run(words);
  }

  CliWorld world_;
};

TEST_F(Autotune, SaysTheSettingForABudgetAndWhatToMeasureNext) {
  const CommandOutput output = tune({"--budget", "12", "--budget", "20"});
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_THAT(output.out, AllOf(HasSubstr("11 settings measured, 12 to choose from"),
                                HasSubstr("Reference: finetune"), HasSubstr("Worth measuring next"),
                                HasSubstr("mux.instances=5, cofi.sparsity=0.9")));
  const CommandOutput same = tune({"--budget", "12", "--budget", "20"});
  EXPECT_EQ(same.out, output.out);
}

TEST_F(Autotune, JsonHasTheChoiceWithItsIntervalAndTheValidation) {
  const CommandOutput output = tune({"--budget", "10", "--validate", "--draws", "5", "--json"});
  ASSERT_EQ(output.code, 0) << output.err;
  const Json json = Json::parse(output.out);
  const Json& choice = json["budgets"][0]["choices"][0];
  EXPECT_LT(choice["quality"]["lo"], choice["quality"]["value"]);
  // 10 % of 0.84: down to 0.756 (imported values are no shares, and go by ratios).
  EXPECT_GE(choice["quality"]["value"], 0.756);
  EXPECT_EQ(json["candidates"].size(), 12U);
  ASSERT_EQ(json["trials"].size(), 4U) << "5 and 8 of 11, drawn and proposed";
  EXPECT_EQ(json["trials"][0]["draws"], 5);
}

TEST_F(Autotune, ValuesThatNobodyTriedMayBeChosen) {
  const CommandOutput output = tune({"--budget", "10", "--try", "cofi.sparsity=0.3,0.7", "--json"});
  ASSERT_EQ(output.code, 0) << output.err;
  EXPECT_EQ(Json::parse(output.out)["candidates"].size(), 20U);
}

TEST_F(Autotune, ABudgetThatNothingMeetsSaysTheClosestAndIsNotMeasured) {
  const CommandOutput output = world_.run({"autotune", "results.db", "--over", "mux.instances",
                                           "--over", "cofi.sparsity:0", "--budget", "0.5"});
  EXPECT_EQ(output.code, 3) << output.err;
  EXPECT_THAT(output.out,
              AllOf(HasSubstr("Budget 0.5 %"), HasSubstr("the closest is mux.instances=2")));
}

TEST_F(Autotune, BadInputIsNamed) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--budget", "-1"}, "--budget -1"},
      {{"--budget", "nan"}, "--budget nan"},
      {{"--budget", "5", "--quality", "f1"}, "sst2/acc"},
      {{"--budget", "5", "--cost", "decode"}, "speed/classify/items_per_s"},
      {{"--budget", "5", "--over", "sparsity"}, "METHOD.PARAMETER"},
      {{"--budget", "5", "--try", "mux.rate=1"}, "of a parameter of --over"},
      {{"--budget", "5", "--try", "cofi.sparsity=0.5,x"}, "'x' is not a number"},
      {{"--budget", "5", "--try", "cofi.sparsity=nan"}, "'nan' is not a number"},
      {{"--budget", "5", "--over", "cofi.sparsity:1"}, "there already"},
      {{"--budget", "5", "--reference", "dense"}, "finetune"},
      {{"--budget", "5", "--where", "mux.instances"}, "METHOD.PARAMETER=VALUE"},
      {{"--budget", "5", "--model", "large"}, "tiny"},
      {{"--budget", "5", "--validate", "--draws", "0"}, "--draws"},
  };
  for (const auto& [words, text] : cases) {
    const CommandOutput output = tune(words);
    EXPECT_EQ(output.code, 2) << words.back();
    EXPECT_THAT(output.err, HasSubstr(text));
    EXPECT_THAT(output.out, Not(HasSubstr("budget")));
  }
}

}  // namespace
}  // namespace assay
