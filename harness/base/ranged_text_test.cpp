#include "harness/base/ranged_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace assay {
namespace {

std::string ranged(const std::string& a, const std::string& b) {
  RangedText text(a);
  if (text.pattern() != RangedText(b).pattern()) return "differ";
  text.widen(RangedText(b));
  return text.text();
}

TEST(RangedTexts, NumbersBecomeRangesAndWordsStayWords) {
  EXPECT_EQ(ranged("spread 2.1x: not enough", "spread 1.9x: not enough"),
            "spread 1.9 to 2.1x: not enough");
  EXPECT_EQ(ranged("took 9 s", "took 10 s"), "took 9 to 10 s") << "by value, not by letters";
  EXPECT_EQ(ranged("n = 12", "n = 12"), "n = 12");
  EXPECT_EQ(ranged("3.6 % of 2.", "4.1 % of 2."), "3.6 to 4.1 % of 2.");
  for (const auto& [a, b] : {std::pair{"group /a/1", "group /a/2"},
                             {"at 12:03", "at 12:04"},
                             {"by -3 %", "by -4 %"},
                             {"cpu1", "cpu2"},
                             {"v1.2.3", "v1.2.4"}}) {
    EXPECT_EQ(ranged(a, b), "differ") << a;
  }
}

}  // namespace
}  // namespace assay
