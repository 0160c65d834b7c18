#include "harness/cli/listing.h"

#include <gtest/gtest.h>

namespace assay {
namespace {

TEST(Listing, ColumnsStandUnderTheirTitles) {
  EXPECT_EQ(
      listing({"method", "data", ""}, {{"a", "text", "first"}, {"wanda", "-", "second one"}}, 0),
      "method  data  \n"
      "a       text  first\n"
      "wanda   -     second one\n");
  EXPECT_EQ(listing({"method"}, {}, 80), "");
}

TEST(Listing, AColumnWithoutValuesIsLeftOut) {
  EXPECT_EQ(listing({"name", "licence", "says"}, {{"a", "", "x"}, {"b", "", ""}}, 0),
            "name  says\na     x\nb     \n");
}

TEST(Listing, TheLastColumnGoesOnBelowItself) {
  const std::string text = "one two three four five six seven";
  EXPECT_EQ(listing({"name", ""}, {{"a", text}, {"b", "x"}}, 30),
            "name  \n"
            "a     one two three four five\n"
            "      six seven\n"
            "b     x\n");
  EXPECT_EQ(listing({"name", ""}, {{"a", text}}, 20), listing({"name", ""}, {{"a", text}}, 0))
      << "too narrow to break anything";
}

}  // namespace
}  // namespace assay
