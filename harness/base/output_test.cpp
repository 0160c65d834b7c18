#include "harness/base/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/display.h"
#include "harness/base/errors.h"
#include "harness/base/markup.h"
#include "harness/base/names.h"

namespace assay {
namespace {

using testing::HasSubstr;

TEST(Printable, KeepsLinesAndTabsAndWritesControlsOut) {
  EXPECT_EQ(printable("a\tb\nc\r\nd\re"), "a\tb\nc\r\nd\\x0de");
  EXPECT_EQ(printable("\x1b[31mred\x1b[0m \x9b"), "\\x1b[31mred\\x1b[0m \uFFFD");
  EXPECT_EQ(printable("\u202e\ufffe\u00e9"), "\\u202e\\ufffe\u00e9");
}

TEST(Display, ColumnsAreAsWideAsTheirWidestCell) {
  // Two wide characters take four columns and six bytes.
  EXPECT_EQ(columns({{"row", "x"}, {"\u65e5\u672c", "22"}, {"a", ""}}),
            "row   x\n\u65e5\u672c  22\na     \n");
  EXPECT_EQ(columns({}), "");
}

TEST(Printable, LetsColoursThroughAndNothingElse) {
  EXPECT_EQ(printable("\x1b[1;31mred\x1b[0m", true), "\x1b[1;31mred\x1b[0m");
  EXPECT_EQ(printable("\x1b[2J\x1b]0;x\x07\x1b[", true), "\\x1b[2J\\x1b]0;x\\x07\\x1b[");
}

TEST(Markup, ShowsANameAsItIsCalled) {
  EXPECT_EQ(html_escaped("<a href=\"x\">'&\x1b"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;\\x1b");
  EXPECT_EQ(markdown_escaped("a_b _c_ <i> |[x](y)"), "a_b \\_c\\_ \\<i\\> \\|\\[x\\](y)");
  EXPECT_EQ(markdown_escaped("two\nlines"), "two\\\\nlines");
}

TEST(FileNames, RefusesWhatLeadsElsewhere) {
  for (const char* name : {"speed", "a.b-c_d", "0"}) {
    EXPECT_EQ(checked_file_name("layout", name), name);
  }
  for (const char* name : {"", ".", "..", ".hidden", "../x", "/x", "a/b", "a\\b", "a\nb", "é"}) {
    EXPECT_THROW(checked_file_name("layout", name), UserError) << name;
  }
  EXPECT_THROW(checked_file_name("layout", std::string(201, 'a')), UserError);
  EXPECT_THROW(checked_file_name("layout", std::string("a\0b", 3)), UserError);
}

}  // namespace
}  // namespace assay
