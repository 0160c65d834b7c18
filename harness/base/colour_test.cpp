#include "harness/base/colour.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace assay {
namespace {

TEST(Colour, StandsAroundTheTextWhereItIsWanted) {
  EXPECT_EQ(painted("worse", Ink::kBad, true), "\x1b[38;5;166mworse\x1b[0m");
  EXPECT_EQ(painted("better", Ink::kGood, true), "\x1b[38;5;32mbetter\x1b[0m");
  EXPECT_EQ(painted("worse", Ink::kBad, false), "worse");
  EXPECT_EQ(painted("worse", Ink::kPlain, true), "worse");
  EXPECT_EQ(painted("", Ink::kBold, true), "");
}

TEST(Colour, IsForTerminalsThatHaveItAndPeopleWhoWantIt) {
  const auto wanted = [](const char* term, const char* no_color) {
    term == nullptr ? ::unsetenv("TERM") : ::setenv("TERM", term, 1);
    no_color == nullptr ? ::unsetenv("NO_COLOR") : ::setenv("NO_COLOR", no_color, 1);
    return wants_colour();
  };
  EXPECT_TRUE(wanted("xterm", nullptr));
  EXPECT_TRUE(wanted("xterm", "")) << "an empty NO_COLOR is none";
  EXPECT_FALSE(wanted("xterm", "1"));
  EXPECT_FALSE(wanted("dumb", nullptr));
  EXPECT_FALSE(wanted(nullptr, nullptr));
}

}  // namespace
}  // namespace assay
