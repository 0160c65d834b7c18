// Every built-in method against the conformance kit, by itself and in chains of two.
#include "harness/method/conformance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <span>

#include "harness/base/files.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

const fs::path kMethods = source_dir() / "methods";

struct Kind {
  const char* name;
  TinyFamily family;
};
constexpr Kind kKinds[] = {{"gated_decoder", TinyFamily::kLlama},
                           {"plain_decoder", TinyFamily::kOpt},
                           {"encoder_with_a_classifier", TinyFamily::kBert}};
/// Decoders whose norms stand elsewhere, and mixtures of experts; tried without chains, which would
/// take as long again.
constexpr Kind kLaterKinds[] = {{"norms_around_blocks", TinyFamily::kGemma3},
                                {"norms_behind_blocks", TinyFamily::kOlmo2},
                                {"mixtures_of_experts", TinyFamily::kQwen3Moe}};

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
  [[nodiscard]] ConformanceLink link(const std::string& name) const {
    return {&registry_.get(name), read_conformance_cases(kMethods / name)};
  }
  [[nodiscard]] std::vector<ConformanceLink> all_links() const {
    std::vector<ConformanceLink> all;
    for (const Method* method : registry_.all()) all.push_back(link(method->info().name));
    return all;
  }
  /// Runs a check on each kind of model; how much it tried of them all together.
  template <typename Check>
  static std::int64_t tried_on(std::span<const Kind> kinds, Check check) {
    const RecordingContext place({}, 0, {});
    std::int64_t tried = 0;
    for (const Kind& kind : kinds) {
      const fs::path folder = place.scratch() / kind.name;
      write_tiny_model(folder, kind.family, 11);
      const ConformanceReport report = check(folder);
      EXPECT_THAT(report.problems, ::testing::IsEmpty()) << kind.name;
      tried += report.tried;
    }
    return tried;
  }
  MethodRegistry registry_;
};

TEST_P(EveryMethod, Conforms) {
  const ConformanceLink one = link(GetParam());
  const auto check = [&](const fs::path& model) {
    return check_conformance(*one.method, one.cases, model);
  };
  EXPECT_GT(tried_on(kKinds, check), 0) << "no model meets what it asks";
  tried_on(kLaterKinds, check);
}

TEST_P(EveryMethod, IsFollowedByEveryMethodOrSaysWhyNot) {
  const std::int64_t tried = tried_on(kKinds, [&](const fs::path& model) {
    return check_chains(link(GetParam()), all_links(), model);
  });
  EXPECT_GT(tried, 0) << "nothing can follow it";
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
