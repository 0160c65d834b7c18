// CSV of strangers: what is read, and what spreadsheets guess about and this refuses.

#include "harness/imports/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string refusal_of(std::string_view text) {
  try {
    (void)parse_csv(text, "x.csv");
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Csv, ReadsQuotesAndBothLineEnds) {
  const auto records = parse_csv("a,\"b \"\"c\"\"\nd\"\r\n,e\n", "x");
  ASSERT_EQ(records.size(), 2U);
  EXPECT_THAT(records[0].fields, ElementsAre("a", "b \"c\"\nd"));
  EXPECT_THAT(records[1].fields, ElementsAre("", "e"));
}

TEST(Csv, CountsLinesThroughQuotedLineFeeds) {
  const auto records = parse_csv("a\n\"b\n\nc\"\nd\n\ne", "x");
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[1].line, 2U);
  EXPECT_EQ(records[2].line, 5U);
  EXPECT_EQ(records[3].line, 7U) << "an empty line is passed over, and counted";
  EXPECT_THAT(refusal_of("a\n\"b\n\nc\"\n1\"2\n"), HasSubstr("x.csv:5: a quote inside"));
}

TEST(Csv, TheLastLineNeedsNoEnd) {
  for (const char* text : {"a,b", "a,b\n", "a,b\r\n",
                           "\xEF\xBB\xBF"
                           "a,b\n"}) {
    const auto records = parse_csv(text, "x");
    ASSERT_EQ(records.size(), 1U) << text;
    EXPECT_THAT(records[0].fields, ElementsAre("a", "b"));
  }
  EXPECT_THAT(parse_csv("", "x"), IsEmpty());
  EXPECT_THAT(parse_csv("\xEF\xBB\xBF", "x"), IsEmpty());
  EXPECT_THAT(parse_csv("a,", "x").at(0).fields, ElementsAre("a", ""));
  EXPECT_THAT(parse_csv("\"\"", "x").at(0).fields, ElementsAre("")) << "a field that is there";
}

TEST(Csv, RefusesWhatCouldMeanTwoThings) {
  EXPECT_THAT(refusal_of("1\"2\"3\n"), HasSubstr("x.csv:1: a quote inside of a field"));
  EXPECT_THAT(refusal_of("\"1\"2\n"), HasSubstr("behind the closing quote"));
  EXPECT_THAT(refusal_of("a\n\"1\n2\n"), HasSubstr("x.csv:2: a quoted field has no end"));
  EXPECT_THAT(refusal_of("a\rb\r"), HasSubstr("a carriage return without a line feed"));
  EXPECT_THAT(refusal_of(std::string_view("a\n\0b", 4)), HasSubstr("x.csv:2: a NUL byte"));
  EXPECT_THAT(refusal_of("a\n\xFF\n"), HasSubstr("x.csv:2: a byte that is not UTF-8"));
}

}  // namespace
}  // namespace assay
