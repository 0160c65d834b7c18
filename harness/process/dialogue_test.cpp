#include "harness/process/dialogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "harness/base/errors.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

ChildSpec shell(const std::string& script) {
  ChildSpec spec;
  spec.program = "/bin/sh";
  spec.arguments = {"-c", script};
  spec.environment = {"PATH=/usr/bin:/bin"};
  return spec;
}

/// The kernel's letter; "" for a process that is gone.
std::string state_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  status >> number >> name >> state;
  return state;
}

TEST(Dialogue, EveryLineHasItsAnswer) {
  Dialogue dialogue(shell("while read line; do echo \"<$line>\"; done"));
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(dialogue.exchange(std::to_string(i)), "<" + std::to_string(i) + ">");
  }
}

TEST(Dialogue, LongLinesPassBothWays) {
  Dialogue dialogue(shell("exec cat"));
  const std::string line(1000000, 'x');
  EXPECT_EQ(dialogue.exchange(line), line);
}

TEST(Dialogue, SaysHowTheChildEndedAndWhatItComplainedOf) {
  Dialogue dialogue(shell("read line; echo no such axis >&2; exit 7"));
  EXPECT_THAT([&] { dialogue.exchange("x"); },
              ThrowsMessage<DialogueError>(
                  AllOf(HasSubstr("sh ended with exit code 7"), HasSubstr("no such axis"))));
  EXPECT_THAT([&] { dialogue.exchange("x"); },
              ThrowsMessage<DialogueError>(HasSubstr("exit code 7")));
}

TEST(Dialogue, AChildThatEndedWithoutReadingIsNoSignalForUs) {
  Dialogue dialogue(shell("exit 0"));
  EXPECT_THROW(dialogue.exchange(std::string(1 << 20, 'x')), DialogueError);
  Dialogue killed(shell("kill -9 $$"));
  EXPECT_THAT([&] { killed.exchange("x"); }, ThrowsMessage<DialogueError>(HasSubstr("SIGKILL")));
}

TEST(Dialogue, ASilentChildIsLeft) {
  ChildSpec spec = shell("sleep 1000");
  spec.timeout_seconds = 0.1;
  Dialogue dialogue(spec);
  EXPECT_THAT([&] { dialogue.exchange("x"); },
              ThrowsMessage<DialogueError>(HasSubstr("no answer within 0.1 s")));
}

TEST(Dialogue, MuchOnStandardErrorDoesNotStopIt) {
  Dialogue dialogue(
      shell("read line; head -c 1000000 /dev/zero | tr '\\0' e >&2; echo done; read line"));
  EXPECT_EQ(dialogue.exchange("x"), "done");
}

TEST(Dialogue, TooLongALineIsRefused) {
  ChildSpec spec = shell("read line; head -c 1000 /dev/zero | tr '\\0' x; sleep 1000");
  spec.max_line_bytes = 100;
  Dialogue dialogue(spec);
  EXPECT_THROW(dialogue.exchange("x"), DialogueError);
}

TEST(Dialogue, LeavesNobodyBehind) {
  pid_t left = 0;
  {
    ChildSpec spec = shell("sleep 1000 & read line; echo $!; sleep 1000");
    spec.grace_seconds = 0;
    Dialogue dialogue(spec);
    left = static_cast<pid_t>(std::stol(dialogue.exchange("x")));
    EXPECT_EQ(::kill(left, 0), 0);
  }
  // It was killed with its group, and goes when init collects it: till then it is a zombie.
  for (int i = 0; i < 1000 && state_of(left) != "" && state_of(left) != "Z"; ++i) ::usleep(1000);
  EXPECT_THAT(state_of(left), testing::AnyOf("", "Z"));
}

TEST(Dialogue, AMissingProgramIsTheMachinesFault) {
  ChildSpec spec;
  spec.program = "/no/such/program";
  EXPECT_THROW(Dialogue dialogue(spec), MachineError);
}

}  // namespace
}  // namespace assay
