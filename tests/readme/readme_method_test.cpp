// The method that the README shows is compiled out of the README and must conform like a built-in.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>

#include "harness/base/files.h"
#include "harness/method/conformance.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "tests/support/build_paths.h"

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

/// What `assay method new random` writes.
TEST(Readme, MethodOfThePageIsTheTemplate) {
  std::string text = read_text_file(source_dir() / "templates/method/method.cpp");
  for (const auto& [place, value] :
       {std::pair("@name@", "random"), std::pair("@Name@", "Random")}) {
    for (std::size_t at = 0; (at = text.find(place)) != std::string::npos;) {
      text.replace(at, std::string_view(place).size(), value);
    }
  }
  EXPECT_THAT(read_text_file(source_dir() / "README.md"),
              testing::HasSubstr("```cpp\n" + text + "```\n"));
}

}  // namespace
}  // namespace assay
