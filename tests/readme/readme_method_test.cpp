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
  EXPECT_THAT(conformance_problems(registry.get("random"), cases, model), testing::IsEmpty());
}

}  // namespace
}  // namespace assay
