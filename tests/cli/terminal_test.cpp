// What a person at a terminal sees, and what stands in a pipe or a file instead.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "harness/base/display.h"
#include "harness/base/files.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSuites = "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n";
constexpr const char* kRedraw = "\r\x1b[K";

class Terminal : public testing::Test {
 protected:
  Terminal() {
    world_.write("e.toml", experiment_text("[[method]]\nid = \"pretend\"\nends = \"well\"\n"
                                           "[[method]]\nid = \"pretend\"\nends = \"segv\"\n",
                                           kSuites));
    world_.set("TERM", "xterm-256color");
  }

  CliWorld world_;
};

std::string without_colours(std::string text) {
  for (std::size_t at = 0; (at = text.find("\x1b[", at)) != std::string::npos;) {
    const std::size_t end = text.find_first_not_of("0123456789;", at + 2);
    text[end] == 'm' ? (void)text.erase(at, end + 1 - at) : (void)++at;
  }
  return text;
}

/// Everything that was drawn in the live line, in order. What stays (it ends its line) is none of
/// it.
std::vector<std::string> live_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; (at = text.find(kRedraw, at)) != std::string::npos;) {
    at += std::string(kRedraw).size();
    const std::size_t end = std::min(text.find('\r', at), text.size());
    if (!text.substr(end).starts_with("\r\n")) lines.push_back(text.substr(at, end - at));
  }
  return lines;
}

std::size_t widest(const std::string& text) {
  std::istringstream stream(without_colours(text));
  std::size_t width = 0;
  for (std::string line; std::getline(stream, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.find('\r') == std::string::npos) width = std::max(width, display_width(line));
  }
  return width;
}

TEST_F(Terminal, ALineSaysWhatRunsAndWhatIsLeftAndIsGoneInTheEnd) {
  const CommandOutput run = world_.run_on_terminal({"run", "e.toml"}, 120);
  EXPECT_EQ(run.code, 3) << run.out;
  const std::vector<std::string> lines = live_lines(run.out);
  ASSERT_GE(lines.size(), 4U) << run.out;
  EXPECT_EQ(lines.front(),
            "[0/6] scoring letters-ppl: dense · time left unknown until the first fit, score and "
            "timed process are done");
  bool timed = false;
  for (const std::string& line : lines) {
    EXPECT_LT(display_width(line), 120U) << line;
    timed = timed || (line.find("] timing decode: ") != std::string::npos &&
                      line.find(" of 2 · ") != std::string::npos);
  }
  EXPECT_TRUE(timed) << run.out;
  // Whatever else was said began in an erased line.
  for (const char* step : {"[1/6] dense / ", "4 cells OK"}) {
    const std::size_t at = run.out.find(step);
    ASSERT_NE(at, std::string::npos) << step << " in " << run.out;
    EXPECT_TRUE(run.out.substr(0, at).ends_with(kRedraw) || run.out[at - 1] == '\n') << step;
  }
  EXPECT_THAT(run.out, HasSubstr("[6/6] "));
}

TEST_F(Terminal, LinesFitTheTerminal) {
  for (const unsigned short columns : {60, 90}) {
    const CommandOutput run = world_.run_on_terminal({"run", "e.toml"}, columns);
    for (const std::string& line : live_lines(run.out)) {
      EXPECT_LT(display_width(line), columns) << line;
    }
    const CommandOutput report = world_.run_on_terminal({"report", "results.db"}, columns);
    EXPECT_LE(widest(report.out), columns) << report.out;
  }
}

TEST_F(Terminal, ColoursAreForTerminalsUnlessTheyAreNotWanted) {
  ASSERT_EQ(world_.run({"run", "e.toml"}).code, 3);
  const auto report = [&](const std::string& colour) {
    return world_.run_on_terminal({"report", "results.db", "--color", colour}, 100).out;
  };
  EXPECT_THAT(report("auto"), HasSubstr("CRASHED[2]\x1b[0m"));
  EXPECT_THAT(report("never"), AllOf(HasSubstr("CRASHED[2]"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(
      world_.run_on_terminal({"compare", "dense", "pretend:ends=well", "--db", "results.db"}, 200)
          .out,
      HasSubstr("\x1b[1mverdict"));
  world_.set("NO_COLOR", "1");
  EXPECT_THAT(report("auto"), AllOf(HasSubstr("CRASHED[2]"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(report("always"), HasSubstr("\x1b[38;5;166m")) << "asked for by name";
  EXPECT_EQ(world_.run({"report", "results.db", "--color", "often"}).code, 2);
}

TEST_F(Terminal, ADumbTerminalGetsLinesAlone) {
  world_.set("TERM", "dumb");
  const CommandOutput run = world_.run_on_terminal({"run", "e.toml"}, 100);
  EXPECT_THAT(run.out, AllOf(HasSubstr("[6/6] "), HasSubstr("CRASHED"), Not(HasSubstr("\x1b")),
                             Not(HasSubstr("scoring letters-ppl"))));
}

TEST_F(Terminal, APipeGetsPlainLinesOfAHundredColumns) {
  const CommandOutput run = world_.run({"run", "e.toml"});
  EXPECT_THAT(run.err, AllOf(HasSubstr("[6/6] "), Not(HasSubstr("\x1b")), Not(HasSubstr("\r")),
                             Not(HasSubstr("scoring letters-ppl"))));
  EXPECT_THAT(run.out, Not(HasSubstr("\x1b")));
  EXPECT_LE(widest(run.out), 100U);
  const CommandOutput coloured = world_.run({"report", "results.db", "--color", "always"});
  EXPECT_EQ(without_colours(coloured.out), run.out);
  EXPECT_NE(coloured.out, run.out);
  const CommandOutput wide = world_.run({"report", "results.db", "--wide"});
  EXPECT_GT(widest(wide.out), 100U);
  ASSERT_EQ(world_.run({"report", "results.db", "-o", "table.txt"}).code, 0);
  EXPECT_EQ(read_text_file(world_ / "table.txt"), run.out) << "a file is as a pipe";
}

TEST_F(Terminal, AHistoryIsColouredToo) {
  ASSERT_EQ(world_.run({"run", "e.toml"}).code, 3);
  ASSERT_EQ(world_.run({"baseline", "save", "main", "--commit", "aaaa1111"}).code, 0);
  const CommandOutput history = world_.run_on_terminal({"history", "token_ppl"}, 100);
  EXPECT_THAT(history.out, AllOf(HasSubstr("\x1b[1m"), Not(HasSubstr("\\x1b"))));
}

}  // namespace
}  // namespace assay
