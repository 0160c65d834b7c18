#include "harness/base/param_makers.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace assay
