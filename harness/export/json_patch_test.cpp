#include "harness/export/json_patch.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace assay {
namespace {

TEST(JsonPatch, NothingToChangeKeepsEveryByte) {
  const std::string text = " {\"b\" : 1e-05,\n\t\"a\": [1, {\"c\": \"}\\\"\"}]  } \n";
  EXPECT_EQ(patched_json(text, {}), text);
}

TEST(JsonPatch, ReplacesValuesWhereTheyStand) {
  EXPECT_EQ(patched_json("{\n  \"b\": [1, 2],\n  \"a\": null,\n  \"n\": {\"a\": 1}\n}\n",
                         {{"a", 7}, {"b", "x"}}),
            "{\n  \"b\": \"x\",\n  \"a\": 7,\n  \"n\": {\"a\": 1}\n}\n");
}

TEST(JsonPatch, FurtherKeysFollowTheLastOneAndItsIndentation) {
  EXPECT_EQ(patched_json("{\n    \"a\": 1\n}", {{"c", true}, {"b", 2.5}}),
            "{\n    \"a\": 1,\n    \"b\": 2.5,\n    \"c\": true\n}");
  EXPECT_EQ(patched_json("{\"a\":1}", {{"b", 2}}), "{\"a\":1,\"b\": 2}");
  EXPECT_EQ(patched_json("{}", {{"a", 1}, {"b", 2}}), "{\n  \"a\": 1,\n  \"b\": 2\n}");
}

TEST(JsonPatch, KeysAreComparedAsTheyAreMeant) {
  EXPECT_EQ(patched_json("{\"\\u0061\": 1}", {{"a", 2}}), "{\"\\u0061\": 2}");
}

TEST(JsonPatch, AnotherTextIsALogicError) {
  for (const char* text : {"", "[1]", "{\"a\" 1}", "{\"a\": 1", "{\"a\": }"}) {
    EXPECT_THROW((void)patched_json(text, {{"b", 1}}), std::logic_error) << text;
  }
}

}  // namespace
}  // namespace assay
