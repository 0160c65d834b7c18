#include "harness/base/param_condition.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assay {
namespace {

std::vector<ParamSpec> specs() {
  ParamSpec power, kind;
  power.name = "a";
  power.default_value = 0.5;
  power.min = 0;
  kind.name = "kind";
  kind.type = ParamType::kChoice;
  kind.default_value = "x";
  kind.choices = {"x", "y"};
  return {power, kind};
}

TEST(ParamConditionTest, AllOfItsValuesMustBeThere) {
  const ParamCondition condition{{{"a", 0}, {"kind", "y"}}};
  EXPECT_TRUE(condition.holds({{"a", 0.0}, {"kind", "y"}, {"other", 1}}));
  EXPECT_FALSE(condition.holds({{"a", 0.5}, {"kind", "y"}}));
  EXPECT_FALSE(condition.holds({{"a", 0.0}}));
  EXPECT_EQ(condition.text(), "a = 0 and kind = 'y'");
}

TEST(ParamConditionTest, OneOfSeveralIsEnough) {
  const std::vector<ParamCondition> conditions{{{{"a", 0}}}, {{{"kind", "y"}}}};
  EXPECT_TRUE(any_holds(conditions, {{"a", 1}, {"kind", "y"}}));
  EXPECT_FALSE(any_holds(conditions, {{"a", 1}, {"kind", "x"}}));
  EXPECT_FALSE(any_holds({}, {{"a", 1}}));
  EXPECT_EQ(any_text(conditions), "a = 0, or kind = 'y'");
}

TEST(ParamConditionTest, TravelsAsJson) {
  const std::vector<ParamCondition> conditions{{{{"a", 0}, {"kind", "y"}}}};
  const auto back = param_conditions_from_json(Json::parse(to_json(conditions).dump()));
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].values, conditions[0].values);
}

TEST(ParamConditionTest, OneThatNoSettingCanMeetIsAMistakeInTheMethod) {
  EXPECT_NO_THROW(require_possible({{{{"a", 0}, {"kind", "y"}}}}, specs()));
  EXPECT_THROW(require_possible({{{{"b", 0}}}}, specs()), std::logic_error);
  EXPECT_THROW(require_possible({{{{"kind", "z"}}}}, specs()), std::logic_error);
  EXPECT_THROW(require_possible({{{{"a", -1}}}}, specs()), std::logic_error);
}

}  // namespace
}  // namespace assay
