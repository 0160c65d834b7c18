#include "harness/base/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

std::vector<ParamSpec> specs() {
  return {{.name = "sparsity",
           .type = ParamType::kReal,
           .default_value = 0.5,
           .help = "share of zeros",
           .unit = "",
           .min = 0,
           .max = 1,
           .max_open = true,
           .choices = {}},
          {.name = "pattern",
           .type = ParamType::kChoice,
           .default_value = "unstructured",
           .help = "shape",
           .unit = "",
           .min = {},
           .max = {},
           .choices = {"unstructured", "2:4"}}};
}

TEST(Params, DefaultsAreWrittenOutAndRealsNormalised) {
  const Params params(specs(), {{"sparsity", 0}});
  EXPECT_EQ(params.json().dump(), R"({"pattern":"unstructured","sparsity":0.0})");
}

TEST(Params, AllProblemsAreReportedTogether) {
  try {
    const Params params(specs(), {{"sparsity", 1.0}, {"patern", "2:4"}});
    FAIL() << "accepted bad parameters";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("1.0 is outside [0, 1)"));
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'pattern'?"));
  }
}

TEST(Params, AnEndOfARangeMayBeLeftOut) {
  ParamSpec density = specs()[0];
  density.min_open = true;
  density.max_open = false;
  EXPECT_EQ(allowed_values(density), "a number in (0, 1]");
  EXPECT_TRUE(value_problem(density, Json(0.0)));
  EXPECT_FALSE(value_problem(density, Json(1e-9)));
  EXPECT_FALSE(value_problem(density, Json(1.0)));
  EXPECT_TRUE(value_problem(density, Json(1.1)));
  density.max.reset();
  EXPECT_EQ(allowed_values(density), "a number > 0");
  EXPECT_EQ(to_json(param_spec_from_json(to_json(density))), to_json(density));
}

TEST(Params, SpecsSurviveJson) {
  for (const ParamSpec& spec : specs()) {
    EXPECT_EQ(to_json(param_spec_from_json(to_json(spec))), to_json(spec));
  }
}

TEST(Params, PatternsAreReadWhenTheFileIs) {
  ParamSpec spec = specs()[1];
  spec.type = ParamType::kPattern;
  spec.choices.clear();
  for (const char* text : {"unstructured", "2:4", "1:512"}) {
    EXPECT_FALSE(value_problem(spec, Json(text))) << text;
  }
  for (const Json& value : {Json("4:2"), Json("2-4"), Json("0:4"), Json("")}) {
    EXPECT_THAT(*value_problem(spec, value), HasSubstr("1 <= N < M")) << value;
  }
  EXPECT_THAT(*value_problem(spec, Json(2)), HasSubstr("give 'unstructured' or 'N:M'"));
  EXPECT_EQ(param_spec_from_json(to_json(spec)).type, ParamType::kPattern);
}

TEST(Params, WrongTypeNamesWhatIsAllowed) {
  EXPECT_EQ(value_problem(specs()[1], Json("4:9")), R"("4:9" is not one of unstructured, 2:4)");
  EXPECT_THAT(*value_problem(specs()[0], Json("half")), HasSubstr("give a number in [0, 1)"));
}

}  // namespace
}  // namespace assay
