#include "harness/config/setting_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"
#include "harness/config/toml_value.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

NamedSettings parsed(const std::string& text) { return parse_settings("--suite", text); }

std::string problem(const std::string& text) {
  try {
    (void)parse_chain("--method", text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(SettingText, ANameAlone) {
  EXPECT_EQ(parsed("decode").name, "decode");
  EXPECT_THAT(parsed("decode").settings, IsEmpty());
}

TEST(SettingText, ValuesAreTomlOrTexts) {
  const NamedSettings named =
      parsed("x:a=0.5,b=2:4,c=[0.5, 0.6],d='a,b',e=rtn,f=true,g=1e-05,h=16:32,i.j=3,k=a=b");
  EXPECT_EQ(named.name, "x");
  EXPECT_THAT(
      named.settings,
      ElementsAre(Pair("a", "0.5"), Pair("b", "\"2:4\""), Pair("c", "[0.5, 0.6]"),
                  Pair("d", "\"a,b\""), Pair("e", "\"rtn\""), Pair("f", "true"), Pair("g", "1e-05"),
                  Pair("h", "\"16:32\""), Pair("i.j", "3"), Pair("k", "\"a=b\"")));
  EXPECT_THAT(parsed("x:a={ from = 1, to = 3, step = 1 }").settings,
              ElementsAre(Pair("a", R"({ "from" = 1, "step" = 1, "to" = 3 })")));
  EXPECT_THAT(parsed(R"(x:a="q\",r",b=1)").settings,
              ElementsAre(Pair("a", R"("q\",r")"), Pair("b", "1")));
}

TEST(SettingText, AValueIsOneLineAndNothingElse) {
  EXPECT_THAT(parsed("x:a=1\nb = 2").settings, ElementsAre(Pair("a", R"("1\nb = 2")")));
  EXPECT_THAT(parsed("x:a=[1,\n2]").settings, ElementsAre(Pair("a", "[1, 2]")));
  EXPECT_THAT(parsed("x:a=1 # one").settings, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(toml_quoted("say \"\\\x7f\""), R"("say \"\\\u007f\"")");
}

TEST(SettingText, SetsAKeyOrSomethingInIt) {
  const NamedSettings named = parsed("wanda:calibration.samples=8,sparsity=0.5");
  EXPECT_TRUE(named.sets("calibration"));
  EXPECT_TRUE(named.sets("sparsity"));
  EXPECT_FALSE(named.sets("calib"));
}

TEST(SettingText, AFolderMayHoldColons) {
  const NamedSettings named = parse_settings("--model", "./a:b:weights=random");
  EXPECT_EQ(named.name, "./a:b");
  EXPECT_THAT(named.settings, ElementsAre(Pair("weights", "\"random\"")));
}

TEST(SettingText, ALinkBeginsAtAPlusBeforeAName) {
  const auto chain =
      parse_chain("--method", "wanda:sparsity=0.5+finetune:learning_rate=1e+5,x=\"a+b\"+ria");
  ASSERT_EQ(chain.size(), 3U);
  EXPECT_EQ(chain[0].name, "wanda");
  EXPECT_EQ(chain[1].name, "finetune");
  EXPECT_THAT(chain[1].settings,
              ElementsAre(Pair("learning_rate", "100000.0"), Pair("x", "\"a+b\"")));
  EXPECT_EQ(chain[2].name, "ria");
}

TEST(SettingText, WhatIsNoSettingIsRefusedWithItsPlace) {
  EXPECT_THAT(problem("wanda:sparsity"),
              AllOf(StartsWith("--method wanda:sparsity: 'sparsity' is not KEY=VALUE"),
                    HasSubstr("write wanda:KEY=VALUE")));
  EXPECT_THAT(problem("wanda:"), HasSubstr("'' is not KEY=VALUE"));
  EXPECT_THAT(problem("wanda:sparsity="), HasSubstr("'sparsity=' is not KEY=VALUE"));
  EXPECT_THAT(problem("wanda:=1"), HasSubstr("'=1' is not KEY=VALUE"));
  EXPECT_THAT(problem("wanda:a b=1"), HasSubstr("'a b=1' is not KEY=VALUE"));
  EXPECT_THAT(problem("wanda:a..b=1"), HasSubstr("is not KEY=VALUE"));
  EXPECT_THAT(problem(":sparsity=1"), HasSubstr("has no name before ':'"));
  EXPECT_THAT(problem(""), StartsWith("--method : has no name"));
  EXPECT_THAT(problem("wanda:a=1,a=2"),
              AllOf(HasSubstr("'a' is given twice"), HasSubstr("an array")));
  EXPECT_THAT(problem("wanda:id=ria"), HasSubstr("'id' is given twice"));
}

}  // namespace
}  // namespace assay
