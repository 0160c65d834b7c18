// JSON of strangers: what is refused before anything walks over it.

#include "harness/base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string nested(std::size_t levels, const std::string& inside = "1") {
  return std::string(levels, '[') + inside + std::string(levels, ']');
}

std::string refusal_of(const std::string& text) {
  try {
    (void)parse_json(text, "x.json");
  } catch (const JsonError& error) {
    return error.what();
  }
  return "";
}

TEST(ParseJson, ReadsWhatTheBoundAllows) {
  EXPECT_EQ(parse_json(nested(kDeepestJson)).dump(), nested(kDeepestJson));
  const std::string brackets(1000, '[');
  EXPECT_EQ(parse_json("{\"[[\\\"[[\": \"" + brackets + "\"}").begin().value(), brackets)
      << "in texts there may be any number";
}

TEST(ParseJson, RefusesNestingThatWouldOverflowTheStack) {
  for (const std::size_t levels : {kDeepestJson + 1, std::size_t{10'000'000}}) {
    EXPECT_THAT(refusal_of(nested(levels)),
                AllOf(HasSubstr("x.json: arrays and objects"), HasSubstr("more than 128 levels")));
    EXPECT_TRUE(try_parse_json(nested(levels)).is_discarded());
  }
  std::string objects;
  for (int i = 0; i < 200'000; ++i) objects += "{\"a\":";
  EXPECT_THAT(refusal_of(objects), HasSubstr("more than 128 levels"));
}

TEST(ParseJson, SaysWhatIsWrongInFewWords) {
  EXPECT_THAT(refusal_of("{"), HasSubstr("x.json: not valid JSON"));
  EXPECT_THAT(refusal_of("1e999"), HasSubstr("not valid JSON")) << "a number beyond all doubles";
  EXPECT_THAT(refusal_of(""), HasSubstr("not valid JSON"));
  EXPECT_LT(refusal_of("\"" + std::string(10'000'000, 'x')).size(), 500U);
  EXPECT_TRUE(try_parse_json("\xFF").is_discarded());
}

}  // namespace
}  // namespace assay
