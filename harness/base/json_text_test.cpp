#include "harness/base/json_text.h"

#include <gtest/gtest.h>

#include <string>

#include "harness/base/output.h"

namespace assay {
namespace {

TEST(JsonText, WhatATerminalMustNotSeeIsEscapedAndTheTextStays) {
  const Json document = {{"name", "a\x7f\xC2\x9B\xE2\x80\xAE\xF0\x9F\xBF\xBE\x1b b"},
                         {"plain", "caf\xC3\xA9"}};
  for (const int indent : {-1, 2}) {
    const std::string text = json_text(document, indent);
    EXPECT_EQ(Json::parse(text), document);
    EXPECT_EQ(printable(text), text) << "the exit for text has nothing left to change";
    EXPECT_NE(text.find("\\u007f\\u009b\\u202e\\ud83f\\udffe\\u001b b"), std::string::npos) << text;
    EXPECT_NE(text.find("caf\xC3\xA9"), std::string::npos) << "letters stay letters";
  }
}

TEST(JsonText, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(json_text(Json("a\xFF")), "\"a\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace assay
