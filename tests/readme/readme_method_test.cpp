// The method that the README shows is compiled out of the README and must conform like a built-in.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/method/conformance.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"

namespace assay {

void register_random(MethodRegistry& registry);

namespace {

TEST(Readme, MethodOfThePageConforms) {
  MethodRegistry registry;
  register_random(registry);
  const RecordingContext place({}, 0, {});
  const auto model = place.scratch() / "model";
  write_tiny_model(model, TinyFamily::kLlama, 5);
  const ConformanceCases cases = {{{"sparsity", 0}}, {{{"sparsity", 0.5}}, {{"pattern", "2:4"}}}};
  const Method& method = registry.get("random");
  const ConformanceReport report = check_conformance(method, cases, model);
  EXPECT_THAT(report.problems, testing::IsEmpty());
  EXPECT_EQ(report.tried, 2);
  EXPECT_THAT(check_chains({&method, cases}, {{&method, cases}}, model).problems,
              testing::IsEmpty());
}

}  // namespace
}  // namespace assay
