#include "harness/method/requirements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace assay {
namespace {

using Entries = std::vector<Requirement>;

const Json kTraits = {{"family", "llama"}, {"ffn.gated", true}, {"attention.kv_heads", 3}};

TEST(Requirements, AMetConditionSaysNothing) {
  EXPECT_TRUE(unmet_requirements(Entries{{"ffn.gated", "==", true},
                                         {"family", "in", {"opt", "llama"}},
                                         {"family", "!=", "bloom"},
                                         {"attention.kv_heads", ">=", 3},
                                         {"attention.kv_heads", "<=", 3}},
                                 kTraits)
                  .empty());
}

TEST(Requirements, AdviceStandsBehindTheReason) {
  const Entries needs = {{"ffn.gated", "==", false, "choose another model"},
                         {"family", "==", "llama", "never said"}};
  EXPECT_THAT(
      unmet_requirements(needs, kTraits),
      ::testing::ElementsAre("ffn.gated must be false (this model: true): choose another model"));
  EXPECT_EQ(to_json(requirements_from_json(to_json(needs))), to_json(needs));
}

TEST(Requirements, AnUnmetConditionSaysWhatIsWantedAndFound) {
  EXPECT_THAT(unmet_requirements(Entries{{"ffn.gated", "==", false},
                                         {"family", "in", {"opt", "gpt2"}},
                                         {"attention.kv_heads", ">=", 4},
                                         {"family", "!=", "llama"},
                                         {"colour", "==", "red"}},
                                 kTraits),
              ::testing::ElementsAre("ffn.gated must be false (this model: true)",
                                     "family must be one of opt, gpt2 (this model: llama)",
                                     "attention.kv_heads must be at least 4 (this model: 3)",
                                     "family must not be llama (this model: llama)",
                                     "colour must be red (this model does not say)"));
}

TEST(Requirements, AnUnknownOperatorIsAMistakeOfTheMethod) {
  EXPECT_THROW(requirement_problem("family", "~", "x", kTraits), std::logic_error);
}

}  // namespace
}  // namespace assay
