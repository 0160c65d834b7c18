// Every built-in method against the conformance kit, on a gated and on a plain model.
#include "harness/method/conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

const fs::path kMethods = source_dir() / "methods";

std::vector<std::string> method_names() {
  MethodRegistry registry;
  register_builtin_methods(registry);
  std::vector<std::string> names;
  for (const Method* method : registry.all()) names.push_back(method->info().name);
  return names;
}

class EveryMethod : public ::testing::TestWithParam<std::string> {
 protected:
  EveryMethod() { register_builtin_methods(registry_); }
  [[nodiscard]] std::vector<std::string> problems(TinyFamily family) const {
    const RecordingContext place({}, 0, {});
    write_tiny_model(place.scratch() / "model", family, 11);
    return conformance_problems(registry_.get(GetParam()),
                                read_conformance_cases(kMethods / GetParam()),
                                place.scratch() / "model");
  }
  MethodRegistry registry_;
};

TEST_P(EveryMethod, ConformsOnAGatedModel) {
  EXPECT_THAT(problems(TinyFamily::kLlama), ::testing::IsEmpty());
}

TEST_P(EveryMethod, ConformsOnAPlainModel) {
  EXPECT_THAT(problems(TinyFamily::kOpt), ::testing::IsEmpty());
}

TEST_P(EveryMethod, HasAReadmeThatNamesItsParameters) {
  const std::string readme = read_text_file(kMethods / GetParam() / "README.md");
  for (const ParamSpec& spec : registry_.get(GetParam()).info().params) {
    EXPECT_THAT(readme, ::testing::HasSubstr("`" + spec.name + "`"));
  }
}

TEST_P(EveryMethod, HasASourceHash) { EXPECT_EQ(method_source_hash(GetParam()).size(), 64u); }

INSTANTIATE_TEST_SUITE_P(Builtin, EveryMethod, ::testing::ValuesIn(method_names()),
                         [](const auto& param_info) { return param_info.param; });

}  // namespace
}  // namespace assay
