// `assay run` and `assay plan` without a file: options ask for the same experiment.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using Words = std::vector<std::string>;

class OneLine : public testing::Test {
 protected:
  static Words line(const std::string& command, const Words& more) {
    Words words = {command, "--model", "./model"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void expect_refused(const Words& words, const std::string& phrase) const {
    const CommandOutput result = world_.run(words);
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr(phrase), Not(HasSubstr("bug"))));
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(fs::exists(world_ / "results.db"));
    EXPECT_FALSE(fs::exists(world_ / "saved.toml"));
  }
  [[nodiscard]] std::vector<std::string> keys(const Words& words) const {
    const CommandOutput result = world_.run(words);
    EXPECT_EQ(result.code, 0) << result.err;
    std::vector<std::string> keys;
    for (const Json& cell : Json::parse(result.out).at("cells")) keys.push_back(cell.at("key"));
    return keys;
  }
  CliWorld world_;
};

TEST_F(OneLine, MeasuresWhatTheSavedFileAsksFor) {
  const Words asked = {"--method", "pretend:sparsity=[0.25,0.5]",
                       "--suite",  "letters-ppl",
                       "--suite",  "decode:batch=2"};
  Words saving = line("run", asked);
  saving.insert(saving.end(), {"--save", "saved.toml"});
  const CommandOutput first = world_.run(saving);
  ASSERT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out,
              AllOf(StartsWith("pretend:sparsity=[0.25,0.5] on ./model\n"), HasSubstr("dense"),
                    HasSubstr("pretend 25%"), HasSubstr("pretend 50%"), HasSubstr("decode")));
  EXPECT_THAT(first.err, AllOf(HasSubstr(": dense added; profile cpu; seed 0"),
                               HasSubstr("wrote saved.toml"), HasSubstr("6 cells OK")));
  const CommandOutput file = world_.run({"run", "saved.toml"});
  EXPECT_EQ(file.code, 0) << file.err;
  EXPECT_THAT(file.err, HasSubstr("6 of them stored before; 0 artefacts fitted"));
  EXPECT_EQ(file.out, first.out);
  EXPECT_EQ(keys({"plan", "saved.toml", "--json"}), keys([&] {
              Words plan = line("plan", asked);
              plan.emplace_back("--json");
              return plan;
            }()));
}

TEST_F(OneLine, PrintsJson) {
  const CommandOutput result =
      world_.run(line("run", {"--suite", "letters-ppl", "--no-dense", "--method", "pretend",
                              "--name", "mine", "--json"}));
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("experiment mine: profile cpu; seed 0"));
  const Json document = Json::parse(result.out);
  EXPECT_EQ(document, Json::parse(world_.run({"report", "results.db", "--json"}).out));
  EXPECT_EQ(document, Json::parse(world_.run({"report", "results.db", "--format", "json"}).out));
  EXPECT_THAT(document.dump(), AllOf(HasSubstr("mine"), HasSubstr("pretend"),
                                     Not(HasSubstr("\"method\":\"dense\""))));
}

TEST_F(OneLine, QuestionsDoNotHideEachOther) {
  ASSERT_EQ(world_.run(line("run", {"--suite", "letters-ppl"})).code, 0);
  const CommandOutput second =
      world_.run(line("run", {"--suite", "letters-ppl", "--method", "pretend"}));
  EXPECT_THAT(second.err, HasSubstr("1 of them stored before"));
  EXPECT_THAT(second.out, Not(HasSubstr("dense on ./model")));
  EXPECT_THAT(world_.run({"report", "results.db"}).out,
              AllOf(HasSubstr("dense on ./model"), HasSubstr("pretend on ./model")));
}

TEST_F(OneLine, PlanTakesTheSameOptions) {
  const CommandOutput plan =
      world_.run(line("plan", {"--suite", "letters-ppl", "--method", "pretend+folds:fallback=0.5",
                               "--seed", "1", "--seed", "2", "--save", "saved.toml"}));
  ASSERT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("4 cells: 0 stored, 4 to run"));
  EXPECT_THAT(plan.err, HasSubstr("seed 1, 2"));
  EXPECT_THAT(read_text_file(world_ / "saved.toml"), HasSubstr("[[method.then]]\nid = \"folds\""));
  EXPECT_THAT(world_.run({"plan", "saved.toml"}).out, plan.out);
  EXPECT_FALSE(fs::exists(world_ / "results.db"));
}

TEST_F(OneLine, MistakesNameTheOptionTheFindingAndTheRemedy) {
  const Words suite = {"--suite", "letters-ppl"};
  const auto with = [&](const Words& more) {
    Words words = line("run", suite);
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--save", "saved.toml"});
    return words;
  };
  expect_refused(with({"--method", "pretnd"}),
                 "--method pretnd: unknown method 'pretnd'; did you mean 'pretend'");
  expect_refused(with({"--method", "pretend:sparsity=1.5"}),
                 "--method pretend:sparsity=1.5: sparsity = 1.5 is outside [0, 1)");
  expect_refused(with({"--method", "pretend:sparsty=0.5"}), "did you mean 'sparsity'");
  expect_refused(with({"--method", "pretend:sparsity"}), "'sparsity' is not KEY=VALUE");
  expect_refused(with({"--suite", "decode:batch=[1,"}), "--suite decode:batch=[1,: batch = ");
  expect_refused(with({"--profile", "gpu"}), "--profile gpu: unknown profile 'gpu'");
  expect_refused(with({"--seed", "x"}), "--seed");
  expect_refused(with({"--calibration", "letters"}), "--calibration letters: every method uses no");
  expect_refused(with({"--method", "pretend:pattern=3:7"}), "--method pretend:pattern=3:7: ");
  expect_refused(with({"--name", "a/b"}), "--name a/b: name = \"a/b\"");
  expect_refused(with({"--method", "bad\xff"}), "is not UTF-8");
}

TEST_F(OneLine, WhatIsMissingIsSaidAtOnce) {
  expect_refused({"run"}, "nothing is asked for: name an experiment file, or give --model");
  expect_refused({"plan", "--method", "pretend"}, "no --model; add one");
  expect_refused({"run", "--method", "pretend"}, "no --suite; add one");
  expect_refused({"run", "--no-dense"}, "no --method beside --no-dense");
  expect_refused({"run", "--model", "./mdoel", "--suite", "decode"}, "--model ./mdoel: ");
}

TEST_F(OneLine, AFileAndOptionsAreTwoExperiments) {
  world_.write("e.toml", experiment_text("", "[[suite]]\nid = \"letters-ppl\"\n"));
  for (const Words& option : std::vector<Words>{{"--model", "m"},
                                                {"--method", "pretend"},
                                                {"--suite", "decode"},
                                                {"--profile", "cpu"},
                                                {"--seed", "1"},
                                                {"--calibration", "letters"},
                                                {"--name", "mine"},
                                                {"--no-dense"}}) {
    Words words = {"run", "e.toml"};
    words.insert(words.end(), option.begin(), option.end());
    expect_refused(words, "e.toml: an experiment file says everything itself, and " + option[0]);
  }
  expect_refused({"plan", "e.toml", "--save", "saved.toml"}, "--save saved.toml: writes what");
}

TEST_F(OneLine, SavingReplacesNothing) {
  world_.write("kept.toml", "mine");
  fs::create_symlink(world_ / "nowhere", world_ / "link.toml");
  for (const char* name : {"kept.toml", "link.toml"}) {
    expect_refused(line("run", {"--suite", "letters-ppl", "--save", name}), "is there already");
  }
  EXPECT_EQ(read_text_file(world_ / "kept.toml"), "mine");
  EXPECT_FALSE(fs::exists(world_ / "nowhere"));
  const CommandOutput unwritable =
      world_.run(line("run", {"--suite", "letters-ppl", "--save", "no/such.toml"}));
  EXPECT_EQ(unwritable.code, 3) << unwritable.err;
  EXPECT_THAT(unwritable.err, HasSubstr("--save no/such.toml: cannot be written"));
}

}  // namespace
}  // namespace assay
