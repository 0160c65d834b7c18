#include "harness/config/method_setting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/config/config_fixture.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class MethodSetting : public ::testing::Test {
 protected:
  MethodChoice read(const std::string& method, const std::vector<std::string>& settings) {
    return read_method_setting({{method, settings}}, share_.catalogue());
  }
  std::string problem(const std::string& method, const std::vector<std::string>& settings) {
    return problem({{method, settings}});
  }
  std::string problem(const std::vector<MethodText>& chain) {
    try {
      (void)read_method_setting(chain, share_.catalogue());
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  Share share_;
};

TEST_F(MethodSetting, EqualsTheBlockOfAnExperiment) {
  const MethodChoice choice =
      read("wanda", {"pattern=2:4", "calibration.samples=8", "calibration.tokens=64"});
  EXPECT_EQ(choice.params.at("pattern"), "2:4");
  EXPECT_EQ(choice.calibration->samples, 8);
  EXPECT_EQ(choice.calibration->dataset, "news");
  EXPECT_EQ(read("magnitude", {"layers=[0, 2]"}).params.at("layers"), (Json{0, 2}));
  EXPECT_EQ(read("magnitude", {}).params.at("layers"), Json::array());
}

TEST_F(MethodSetting, ProblemsAreSaidAsInAnExperiment) {
  EXPECT_THAT(problem("wnada", {"x=1"}), HasSubstr("did you mean 'wanda'"));
  EXPECT_THAT(problem("wanda", {"sparsty=0.5"}),
              AllOf(StartsWith("--set: "), HasSubstr("did you mean 'sparsity'")));
  EXPECT_THAT(problem("wanda", {"sparsity=2", "pattern=3"}),
              AllOf(StartsWith("--set: "), HasSubstr("--set: sparsity = 2 is outside"),
                    HasSubstr("--set: pattern = 3 is not")));
  EXPECT_THAT(problem("wanda", {"sparsity=[0.3, 0.3]"}),
              StartsWith("--set: sparsity = 0.3 is given twice"));
  EXPECT_THAT(problem("wanda", {"calibration.sampels=8"}),
              AllOf(StartsWith("--set: "), HasSubstr("samples")));
}

TEST_F(MethodSetting, IsOneSetting) {
  EXPECT_THAT(problem("wanda", {"sparsity=[0.3, 0.5]"}), HasSubstr("2 settings of method 'wanda'"));
  EXPECT_THAT(problem("wanda", {"sparsity=0.3", "sparsity=0.5"}), HasSubstr("given twice"));
  EXPECT_THAT(problem("wanda", {"id=ria"}), HasSubstr("given twice"));
  EXPECT_THAT(problem("wanda", {"sparsity=0.3", "sparsity.x=1"}), HasSubstr("a value already"));
  EXPECT_THAT(problem("wanda", {"sparsity"}), HasSubstr("write KEY=VALUE"));
}

TEST_F(MethodSetting, AChainEqualsThenOfAnExperiment) {
  const MethodChoice choice = read_method_setting(
      {{"wanda", {"sparsity=0.3", "calibration.samples=8"}}, {"magnitude", {"sparsity=0.6"}}},
      share_.catalogue());
  EXPECT_EQ(choice.chain_name(), "wanda then magnitude");
  EXPECT_EQ(choice.calibration->samples, 8);
  ASSERT_EQ(choice.then.size(), 1U);
  EXPECT_EQ(choice.then[0].params.at("sparsity"), 0.6);
  EXPECT_EQ(choice.all_params().at("then").at(0).at("id"), "magnitude");
}

TEST_F(MethodSetting, EveryLinkIsChecked) {
  EXPECT_THAT(problem({{"wanda", {}}, {"magnitud", {}}}), HasSubstr("did you mean 'magnitude'"));
  EXPECT_THAT(problem({{"wanda", {}}, {"magnitude", {"sparsty=1"}}}),
              AllOf(StartsWith("--set: "), HasSubstr("in method 'magnitude'")));
  EXPECT_THAT(problem({{"wanda", {}}, {"magnitude", {"sparsity=[0.1, 0.2]"}}}),
              HasSubstr("2 settings of chain 'wanda then magnitude'"));
  EXPECT_THAT(problem({{"wanda", {}}, {"magnitude", {"then=1"}}}), HasSubstr("--then METHOD"));
  for (const auto& chain :
       std::vector<std::vector<MethodText>>{{{"dense"}, {"wanda"}}, {{"wanda"}, {"dense"}}}) {
    EXPECT_THAT(problem(chain), StartsWith("'dense' leaves a model as it is"));
  }
}

}  // namespace
}  // namespace assay
