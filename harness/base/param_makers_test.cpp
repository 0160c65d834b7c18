#include "harness/base/param_makers.h"

#include <gtest/gtest.h>

#include "harness/base/errors.h"

namespace assay {
namespace {

TEST(ParamMakers, SayDefaultsAndWhatIsAllowed) {
  const ParamSpec choice = choice_param("scope", {"row", "matrix"}, "Among whom");
  EXPECT_EQ(choice.default_value, "row");
  EXPECT_EQ(allowed_values(choice), "one of row, matrix");
  const ParamSpec count = count_param("group", 128, 2, "columns", "Columns of a group");
  EXPECT_EQ(count.unit, "columns");
  EXPECT_TRUE(value_problem(count, 1));
  EXPECT_TRUE(value_problem(count, 2.5));
  const ParamSpec share = real_param("share", 0.5, {.min = 0, .max = 1, .max_open = true}, "Share");
  EXPECT_TRUE(value_problem(share, 1.0));
  EXPECT_FALSE(value_problem(share, 0));
  EXPECT_FALSE(value_problem(real_param("rate", 1, {}, "Any"), -1e9));
  EXPECT_TRUE(value_problem(flag_param("fast", true, "Hurry"), 1));
}

TEST(ParamMakers, FormerNamesAndValuesAreRefusedWithThoseOfToday) {
  const std::vector<ParamSpec> specs = {formerly(
      choice_param("scope", {"row", "matrix"}, "Among whom"), {"group"}, {{"output", "row"}})};
  const auto problem = [&](const Json& given) -> std::string {
    try {
      (void)Params({param_spec_from_json(to_json(specs[0]))}, given);
      return "";
    } catch (const UserError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(problem({{"scope", "row"}}), "");
  EXPECT_EQ(problem({{"group", "row"}}), "'group' is called 'scope' now: one of row, matrix");
  EXPECT_EQ(problem({{"scope", "output"}}),
            "scope: \"output\" is called \"row\" now; one of row, matrix");
}

}  // namespace
}  // namespace assay
