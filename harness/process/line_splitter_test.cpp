#include "harness/process/line_splitter.h"

#include <gmock/gmock.h>

#include <stdexcept>
#include <vector>

namespace assay {
namespace {

using ::testing::ElementsAre;

TEST(LineSplitter, LinesDoNotDependOnHowTheBytesArrive) {
  const std::string text = "one\n\nthree and more\nrest";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    LineSplitter splitter(100, 1000);
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at += step) {
      splitter.feed(std::string_view(text).substr(at, step),
                    [&](const std::string& line) { lines.push_back(line); });
    }
    EXPECT_THAT(lines, ElementsAre("one", "", "three and more")) << "step " << step;
    EXPECT_TRUE(splitter.has_rest());
  }
}

TEST(LineSplitter, RefusesALineTooLongEvenWithoutItsEnd) {
  LineSplitter splitter(4, 1000);
  splitter.feed("1234", [](const std::string&) { FAIL(); });
  EXPECT_THROW(splitter.feed("5", [](const std::string&) { FAIL(); }), std::runtime_error);
}

TEST(LineSplitter, RefusesTooMuchInAll) {
  LineSplitter splitter(4, 8);
  splitter.feed("123\n567\n", [](const std::string&) {});
  EXPECT_THROW(splitter.feed("\n", [](const std::string&) {}), std::runtime_error);
}

}  // namespace
}  // namespace assay
