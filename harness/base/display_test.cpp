#include "harness/base/display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace assay {
namespace {

using testing::ElementsAre;

TEST(FoldLines, BreaksAtSpaces) {
  EXPECT_THAT(fold_lines("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(fold_lines("one two three", 100), ElementsAre("one two three"));
  EXPECT_THAT(fold_lines("  one   two  ", 3), ElementsAre("one", "two"));
  EXPECT_THAT(fold_lines("", 5), ElementsAre(""));
}

TEST(FoldLines, BreaksWordsThatAreWiderBetweenCharacters) {
  EXPECT_THAT(fold_lines("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(fold_lines("漢字漢字", 5), ElementsAre("漢字", "漢字"));
  EXPECT_THAT(fold_lines("漢字", 1), ElementsAre("漢", "字")) << "a character at least";
  EXPECT_THAT(fold_lines("e\u0301e\u0301", 1), ElementsAre("e\u0301", "e\u0301"));
}

TEST(FoldLines, IndentsAllLinesButTheFirst) {
  EXPECT_THAT(fold_lines("one two three four", 7, 2), ElementsAre("one two", "  three", "  four"));
  for (std::size_t width = 3; width < 30; ++width) {
    for (const std::string& line :
         fold_lines("a paragraph with averyveryverylongword in it", width, 2)) {
      EXPECT_LE(display_width(line), width) << line;
    }
  }
}

}  // namespace
}  // namespace assay
