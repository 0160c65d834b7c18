// Faults of the machine and programs that crash, with the real worker: neither is UNMET.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kDecode = "[[suite]]\nid = \"decode\"\nprompt_tokens = 4\nnew_tokens = 2\n";
constexpr const char* kMagnitude = "[[method]]\nid = \"magnitude\"\nsparsity = 0.5\n";

class RealFault : public testing::Test {
 protected:
  RealFault() { world_.set("ASSAY_WORKER", worker().string()); }
  static fs::path worker() { return binary_dir() / "bin/assay-worker"; }

  /// Puts a script before the worker, in which `before` and `after` can look into the file
  /// `request`.
  void disturb(const std::string& before, const std::string& after) {
    const fs::path script =
        world_.write("worker", "#!/bin/sh\nreal='" + worker().string() +
                                   "'\n[ \"$1\" = --describe ] && exec \"$real\" --describe\ncd '" +
                                   (world_ / ".").string() + "'\ncat > request\n" + before +
                                   "\n\"$real\" < request\ncode=$?\n" + after + "\nexit $code\n");
    fs::permissions(script, fs::perms::owner_all);
    world_.set("ASSAY_WORKER", script.string());
  }
  /// A method that runs the script with the model as $0 and the new folder as $1.
  static std::string external(const std::string& script) {
    return "[[method]]\nid = \"external\"\ncommand = [\"sh\", \"-c\", '''" + script +
           "''', \"{model}\", \"{out}\"]\n";
  }
  [[nodiscard]] CommandOutput run() const { return world_.run({"run", "e.toml"}); }

  CliWorld world_;
};

TEST_F(RealFault, AModelThatIsGoneForAMomentIsTriedAgain) {
  world_.write("e.toml", experiment_text(kMagnitude, kDecode));
  world_.write("vanish", "");
  disturb("[ -e vanish ] && mv model away", "[ -e vanish ] && mv away model");
  const CommandOutput gone = run();
  EXPECT_EQ(gone.code, 3) << gone.err;
  EXPECT_THAT(gone.out, AllOf(HasSubstr("CRASHED"), Not(HasSubstr("UNMET"))));
  EXPECT_THAT(gone.err, AllOf(HasSubstr("CRASHED (file)"), HasSubstr("/model"),
                              HasSubstr("0 cells OK, 0 UNMET, 2 failed")));
  fs::remove(world_ / "vanish");
  const CommandOutput again = run();
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("2 cells OK, 0 UNMET, 0 failed; 0 of them stored before"));
}

TEST_F(RealFault, AnArtefactThatVanishesIsTriedAgain) {
  world_.write("e.toml", experiment_text(kMagnitude, kDecode));
  world_.write("vanish", "");
  disturb(
      "[ -e vanish ] && grep -q '\"op\":\"time\"' request && rm -f home/artefacts/*.safetensors",
      "true");
  const CommandOutput gone = run();
  EXPECT_EQ(gone.code, 3) << gone.err;
  EXPECT_THAT(gone.err,
              AllOf(HasSubstr("CRASHED (file)"), HasSubstr("1 cells OK, 0 UNMET, 1 failed")));
  fs::remove(world_ / "vanish");
  const CommandOutput again = run();
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("1 artefacts fitted"));
}

TEST_F(RealFault, AModelThatIsCutWhileItIsUsedIsTriedAgain) {
  world_.write("e.toml", experiment_text("", kDecode));
  world_.write("cut", "");
  disturb(
      "cp model/model.safetensors whole\n[ -e cut ] && truncate -s 20000 model/model.safetensors",
      "cp whole model/model.safetensors");
  const CommandOutput cut = run();
  EXPECT_EQ(cut.code, 3) << cut.err;
  EXPECT_THAT(cut.out, AllOf(HasSubstr("CRASHED"), Not(HasSubstr("UNMET"))));
  fs::remove(world_ / "cut");
  EXPECT_EQ(run().code, 0);
}

TEST_F(RealFault, ARelativeHomeIsTheSameForTheWorker) {
  world_.set("ASSAY_HOME", "home");
  world_.set("ASSAY_SHARE", "share");
  world_.write("e.toml", experiment_text(kMagnitude, kDecode));
  const CommandOutput output = run();
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_THAT(output.err, HasSubstr("2 cells OK, 0 UNMET, 0 failed"));
}

TEST_F(RealFault, AnExternalProgramThatFailsIsCrashedWithItsLastWords) {
  const std::string copy = "cp -r \"$0\" \"$1\"; ";
  world_.write(
      "e.toml",
      experiment_text(external("echo the layer has no name >&2; exit 7") + external("kill -11 $$") +
                          external("true") +
                          external("mkdir \"$1\"; echo rubbish > \"$1\"/config.json") +
                          external(copy + "truncate -s 99 \"$1\"/model.safetensors") +
                          external(copy + "exit 1") +
                          "[[method]]\nid = \"external\"\ncommand = [\"no-such-program\", "
                          "\"{model}\", \"{out}\"]\n" +
                          "[[method]]\nid = \"external\"\ncommand = [\"true\", \"{model}\"]\n",
                      kDecode));
  const CommandOutput output = run();
  EXPECT_EQ(output.code, 3) << output.err;
  EXPECT_THAT(output.out, AllOf(HasSubstr("CRASHED"), Not(HasSubstr("UNMET"))));
  EXPECT_THAT(output.err,
              AllOf(HasSubstr("ended with exit code 7"), HasSubstr("the layer has no name"),
                    HasSubstr("was ended by signal 11"), HasSubstr("wrote no folder"),
                    HasSubstr("wrote no usable model"), HasSubstr("no-such-program"),
                    HasSubstr("never mentions {out}"), HasSubstr("1 cells OK, 0 UNMET, 8 failed")));
  const CommandOutput again = run();
  EXPECT_EQ(again.code, 3) << "a crash stands, and the exit code says so";
  EXPECT_THAT(again.err, HasSubstr("1 cells OK, 0 UNMET, 8 failed"));
}

TEST_F(RealFault, AnExternalProgramMayChangeTheShape) {
  const std::string copy = "cp -r \"$0\" \"$1\"";
  const std::string heads =
      "; sed -i 's/\"num_attention_heads\": 5/\"num_attention_heads\": 4/' \"$1\"/config.json";
  world_.write("e.toml", experiment_text(external(copy) + external(copy + heads), kDecode));
  const CommandOutput output = run();
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_THAT(output.err, HasSubstr("3 cells OK, 0 UNMET, 0 failed"));
}

}  // namespace
}  // namespace assay
