// Completion: what the program offers, and what a real bash makes of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Completion : public testing::Test {
 protected:
  [[nodiscard]] std::string words(const std::vector<std::string>& line) const {
    std::vector<std::string> arguments = {"completion", "words", "--"};
    arguments.insert(arguments.end(), line.begin(), line.end());
    const CommandOutput result = world_.run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return result.out;
  }
  /// What bash would put in place of the end of the line.
  [[nodiscard]] std::string in_bash(const std::string& line) const {
    world_.write("line", line);
    const CommandOutput result = world_.shell(
        "bash -c 'source <(assay completion bash); COMP_LINE=$(cat line; echo x); "
        "COMP_LINE=${COMP_LINE%x}; COMP_POINT=${#COMP_LINE}; _assay; echo \"${COMPREPLY[*]}\"'");
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return result.out;
  }
  CliWorld world_;
};

TEST_F(Completion, CommandsAndThoseBelowThem) {
  EXPECT_EQ(words({"ru"}), "run\n");
  EXPECT_THAT(words({""}), AllOf(HasSubstr("run\n"), HasSubstr("completion\n")));
  EXPECT_EQ(words({"model", "e"}), "export\n");
  EXPECT_EQ(words({"list", "prof"}), "profiles\n");
  EXPECT_EQ(words({"nosuch", "x"}), "");
}

TEST_F(Completion, OptionsOfTheCommand) {
  EXPECT_EQ(words({"run", "--me"}), "--method\n");
  EXPECT_THAT(words({"run", "e.toml", "--"}),
              AllOf(HasSubstr("--db\n"), HasSubstr("--retry\n"), Not(HasSubstr("--budget"))));
  EXPECT_EQ(words({"autotune", "--bud"}), "--budget\n");
}

TEST_F(Completion, NamesWhereNamesAreAskedFor) {
  EXPECT_EQ(words({"run", "--method", "pre"}), "pretend\n");
  EXPECT_EQ(words({"run", "--method=pre"}), "--method=pretend\n");
  EXPECT_EQ(words({"plan", "--suite", ""}), "absent-ppl\ndecode\nletters-ppl\n");
  EXPECT_EQ(words({"doctor", "--profile", ""}), "cpu\n");
  EXPECT_EQ(words({"run", "--calibration", ""}), "letters\n");
  EXPECT_EQ(words({"data", "get", "letters", "l"}), "letters\n");
  EXPECT_EQ(words({"describe", "lett"}), "letters\nletters-ppl\n");
  EXPECT_EQ(words({"report", "--format", "js"}), "json\n");
  EXPECT_EQ(words({"run", "--instrument", ""}), "callgrind\n");
  EXPECT_EQ(words({"breakeven", "e.toml", "--method", "fo"}), "folds\n");
}

TEST_F(Completion, ParametersBehindANameAndLinksBehindAPlus) {
  EXPECT_EQ(words({"run", "--method", "pretend:s"}), "pretend:sparsity=\n");
  EXPECT_EQ(words({"run", "--method", "pretend:sparsity=0.5,pat"}),
            "pretend:sparsity=0.5,pattern=\n");
  EXPECT_EQ(words({"run", "--method", "pretend:sparsity=0.5+fo"}), "pretend:sparsity=0.5+folds\n");
  EXPECT_EQ(words({"run", "--method", "pretend+folds:"}), "pretend+folds:fallback=\n");
  EXPECT_EQ(words({"run", "--suite", "decode:"}), "decode:batch=\n");
  EXPECT_EQ(words({"run", "--method", "nosuch:"}), "");
}

TEST_F(Completion, NothingWhereAFileOrANumberStands) {
  EXPECT_EQ(words({"run", ""}), "");
  EXPECT_EQ(words({"run", "--db", ""}), "");
  EXPECT_EQ(words({"run", "--seed", ""}), "");
  EXPECT_EQ(words({"describe", "letters", ""}), "");
}

TEST_F(Completion, OfARealBash) {
  EXPECT_EQ(in_bash("assay ru"), "run\n");
  EXPECT_EQ(in_bash("assay run --model ./model --method pre"), "pretend\n");
  EXPECT_EQ(in_bash("assay run --suite "), "absent-ppl decode letters-ppl\n");
  // Bash replaces only what stands behind the last ':' or '='.
  EXPECT_EQ(in_bash("assay run --method pretend:s"), "sparsity=\n");
  EXPECT_EQ(in_bash("assay run --method=pre"), "pretend\n");
  EXPECT_EQ(in_bash("assay run "), "\n");
}

TEST_F(Completion, TheScriptsAreScripts) {
  EXPECT_THAT(world_.run({"completion", "bash"}).out, HasSubstr("complete -o default -F _assay"));
  EXPECT_THAT(world_.run({"completion", "zsh"}).out, StartsWith("#compdef assay\n"));
  EXPECT_THAT(world_.run({"completion", "fish"}).out, HasSubstr("complete -c assay"));
  for (const char* shell : {"bash", "zsh", "fish"}) {
    if (!fs::exists(fs::path("/usr/bin") / shell)) continue;
    const std::string name = shell;
    const CommandOutput read =
        world_.shell("assay completion " + name + " > script && " + name + " -n script");
    EXPECT_EQ(read.code, 0) << read.err;
    EXPECT_EQ(read.err, "");
  }
  EXPECT_EQ(world_.run({"completion", "tcsh"}).code, 2);
}

}  // namespace
}  // namespace assay
