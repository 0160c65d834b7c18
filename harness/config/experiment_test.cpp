#include "harness/config/experiment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/config/config_fixture.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ExperimentTest : public ::testing::Test {
 protected:
  std::string problems(const std::string& more) {
    return share_.experiment_problems(kSmallExperiment + more);
  }
  Experiment read(const std::string& more) { return share_.experiment(kSmallExperiment + more); }
  Share share_;
};

TEST_F(ExperimentTest, DefaultsAreWrittenOut) {
  const Experiment experiment = read("");
  EXPECT_EQ(experiment.title, "small");
  EXPECT_THAT(experiment.seeds, ElementsAre(0));
  EXPECT_THAT(experiment.profiles, ElementsAre("cpu"));
  ASSERT_EQ(experiment.suites.size(), 1U);
  EXPECT_EQ(experiment.suites[0].params, (Json{{"window", 128}, {"limit", 0}}));
  EXPECT_FALSE(experiment.suites[0].limited);
  EXPECT_EQ(experiment.resolved().at("measure").at("processes_per_arm"), 3);
  EXPECT_EQ(experiment.methods[0].place.text(), (share_.path() / "x.toml").string() + ":7:1");
}

TEST_F(ExperimentTest, AxesMultiplyInTheOrderOfTheFile) {
  const Experiment experiment = read(
      "[[method]]\nid = \"wanda\"\npattern = [\"unstructured\", \"2:4\"]\nsparsity = [0.3, 0.5]\n"
      "calibration = { samples = [8, 16], tokens = 64 }\n");
  ASSERT_EQ(experiment.methods.size(), 1U + 2 * 2 * 2);
  const MethodChoice& first = experiment.methods[1];
  EXPECT_EQ(first.params, (Json{{"pattern", "unstructured"}, {"sparsity", 0.3}}));
  EXPECT_EQ(first.calibration->samples, 8);
  EXPECT_EQ(first.calibration->dataset, "news");
  EXPECT_EQ(experiment.methods[2].calibration->samples, 16);
  EXPECT_EQ(experiment.methods[3].params.at("sparsity"), 0.5);
  EXPECT_EQ(experiment.methods[5].params.at("pattern"), "2:4");
}

TEST_F(ExperimentTest, AMethodMayRefuseTheTextThatScoresIt) {
  const std::string block = "[[method]]\nid = \"apart\"\n";
  EXPECT_THAT(problems(block),
              HasSubstr("x.toml:12:1: method 'apart' would be calibrated on data set 'news', which "
                        "suite 'news-ppl' scores"));
  EXPECT_EQ(problems(block + "allow_suite_data = true\n"), "");
  EXPECT_THAT(problems("[[method]]\nid = \"wanda\"\nthen = [{ id = \"apart\" }]\n"),
              HasSubstr("method 'apart' would be calibrated"));
  // Both settings of the axis say the same.
  const std::string twice = problems(block + "blocks = [\"a\", \"b\"]\n");
  EXPECT_EQ(twice.find("would be calibrated"), twice.rfind("would be calibrated"));
}

TEST_F(ExperimentTest, AFormerNameIsRefusedWithTheNewOne) {
  EXPECT_THAT(problems("[[method]]\nid = \"apart\"\nallow_suite_data = true\nparts = \"ffn\"\n"),
              HasSubstr("x.toml:15:9: 'parts' is called 'blocks' now: a text in method 'apart'"));
}

TEST_F(ExperimentTest, RangesAreAxesWithTheEndsIncluded) {
  const Experiment experiment = read(
      "[[method]]\nid = \"magnitude\"\nsparsity = { from = 0.1, to = 0.5, step = 0.2 }\n"
      "layers = [0, 2]\n");
  ASSERT_EQ(experiment.methods.size(), 4U);
  EXPECT_EQ(experiment.methods[2].params, (Json{{"sparsity", 0.3}, {"layers", {0, 2}}}));
  EXPECT_EQ(experiment.methods[3].params.at("sparsity"), 0.5);
}

TEST_F(ExperimentTest, ALimitMarksTheSuite) {
  EXPECT_TRUE(read("[[suite]]\nid = \"piqa\"\nlimit = 20\n").suites[1].limited);
}

TEST_F(ExperimentTest, MethodsThatNeedCalibrationGetTheUsualOne) {
  const Experiment experiment = read("[[method]]\nid = \"wanda\"\n");
  ASSERT_TRUE(experiment.methods[1].calibration);
  EXPECT_EQ(experiment.methods[1].calibration->split, "calibration");
  EXPECT_FALSE(experiment.methods[0].calibration);
}

TEST_F(ExperimentTest, AMistypedKeyIsNamedWithItsPlaceAndASuggestion) {
  EXPECT_EQ(problems("[[method]]\nid = \"wanda\"\n  sparsty = 0.5\n"),
            "x.toml:14:3: unknown key 'sparsty' in method 'wanda'; did you mean 'sparsity'? known: "
            "calibration, id, pattern, sparsity, then");
}

TEST_F(ExperimentTest, AKeyBelowTheWrongHeaderIsToldItsHome) {
  EXPECT_EQ(problems("profiles = [\"cpu\"]\n"),
            "x.toml:12:1: unknown key 'profiles' in suite 'news-ppl'; it belongs to [experiment]; "
            "keys after a table header belong to that table");
}

TEST_F(ExperimentTest, AValueOutsideTheRangeIsRefusedAtItsPlace) {
  EXPECT_EQ(problems("[[method]]\nid = \"wanda\"\nsparsity = [0.3, 1.5]\n"),
            "x.toml:14:18: sparsity = 1.5 is outside [0, 1)");
  EXPECT_EQ(problems("[[method]]\nid = \"wanda\"\nsparsity = \"half\"\n"),
            "x.toml:14:12: sparsity = \"half\" is not allowed; give a number in [0, 1)");
  EXPECT_EQ(problems("[[method]]\nid = \"wanda\"\nsparsity = nan\n"),
            "x.toml:14:12: sparsity in method 'wanda': dates, NaN and infinity are not allowed; "
            "give a number in [0, 1)");
}

TEST_F(ExperimentTest, UnknownNamesAreSuggested) {
  EXPECT_EQ(
      problems("[[method]]\nid = \"wnada\"\nsparsity = 7\n"),
      "x.toml:13:6: unknown method 'wnada'; did you mean 'wanda'? known: apart, clocked, dense, "
      "magnitude, staged, tardis, tuned, wanda");
  EXPECT_EQ(problems("[[suite]]\nid = \"piqua\"\n"),
            "x.toml:13:6: unknown suite 'piqua'; did you mean 'piqa'? known: decode, news-ppl, "
            "piqa");
  EXPECT_EQ(problems("[[method]]\nid = \"wanda\"\ncalibration = { split = \"train\" }\n"),
            "x.toml:14:15: unknown split 'train'; known: calibration, evaluation (data set "
            "'news')");
  EXPECT_EQ(
      problems("[[method]]\nid = \"wanda\"\ncalibration = { dataset = \"piqa\" }\n"),
      "x.toml:14:27: data set 'piqa' is of kind items, and method 'wanda' calibrates on text; "
      "name one of news");
}

TEST_F(ExperimentTest, CalibrationOfAMethodWithoutIsRefused) {
  EXPECT_EQ(problems("[[method]]\nid = \"magnitude\"\ncalibration = { samples = 8 }\n"),
            "x.toml:14:15: method 'magnitude' uses no calibration data; remove the key");
}

TEST_F(ExperimentTest, ASettingThatLooksAtNoDataGetsNone) {
  const Experiment experiment = read(
      "[[method]]\nid = \"wanda\"\npattern = [\"2:4\", \"1:2\"]\n"
      "calibration = { samples = [8, 16] }\n");
  ASSERT_EQ(experiment.methods.size(), 1U + 2 + 1) << "calibrations do not multiply what has none";
  EXPECT_EQ(experiment.methods[1].calibration->samples, 8);
  EXPECT_EQ(experiment.methods[2].calibration->samples, 16);
  EXPECT_EQ(experiment.methods[3].params.at("pattern"), "1:2");
  EXPECT_FALSE(experiment.methods[3].calibration);
  EXPECT_FALSE(read("[[method]]\nid = \"wanda\"\npattern = \"1:2\"\n").methods[1].calibration);
}

TEST_F(ExperimentTest, CalibrationForSuchASettingAloneIsRefused) {
  EXPECT_EQ(problems("[[method]]\nid = \"wanda\"\npattern = \"1:2\"\n"
                     "calibration = { samples = 8 }\n"),
            "x.toml:15:15: method 'wanda' uses no calibration data with pattern = '1:2'; remove "
            "the key");
}

TEST_F(ExperimentTest, ThenIsAChainWhoseAxesMultiply) {
  const Experiment experiment = read(
      "[[method]]\nid = \"wanda\"\nsparsity = [0.3, 0.5]\n"
      "then = [{ id = \"magnitude\", sparsity = [0.6, 0.7] }, { id = \"magnitude\" }]\n");
  ASSERT_EQ(experiment.methods.size(), 1U + 2 * 2);
  const MethodChoice& second = experiment.methods[2];
  EXPECT_EQ(second.params.at("sparsity"), 0.3);
  ASSERT_EQ(second.then.size(), 2U);
  EXPECT_EQ(second.then[0].params.at("sparsity"), 0.7);
  EXPECT_EQ(second.all_params().at("then").at(0).at("id"), "magnitude");
  EXPECT_EQ(experiment.resolved().at("methods").at(2).at("then").size(), 2U);
  EXPECT_FALSE(experiment.resolved().at("methods").at(0).contains("then"));
}

TEST_F(ExperimentTest, MistakesInAChainHaveTheirPlace) {
  EXPECT_EQ(problems("[[method]]\nid = \"wanda\"\nthen = [{ id = \"magnitude\", sparsty = 1 }]\n"),
            "x.toml:14:29: unknown key 'sparsty' in method 'magnitude'; did you mean 'sparsity'? "
            "known: id, layers, sparsity");
  EXPECT_THAT(problems("[[method]]\nid = \"wanda\"\nthen = [{ id = \"magnitude\", then = [] }]\n"),
              HasSubstr("unknown key 'then' in method 'magnitude'"));
  EXPECT_THAT(problems("[[method]]\nid = \"dense\"\nthen = [{ id = \"magnitude\" }]\n"),
              HasSubstr("nothing is done before 'then' here"));
}

TEST_F(ExperimentTest, TrainingIsForMethodsThatTrain) {
  share_.write("datasets/films.toml", kFilms);
  const Experiment experiment = read(
      "[[method]]\nid = \"tuned\"\ntraining = { dataset = \"films\", split = \"dev\", items = [10, "
      "20] }\n");
  ASSERT_EQ(experiment.methods.size(), 3U);
  EXPECT_EQ(experiment.methods[2].training->items, 20);
  EXPECT_EQ(experiment.methods[2].training->split, "dev");
  EXPECT_EQ(problems("[[method]]\nid = \"magnitude\"\ntraining = { items = 3 }\n"),
            "x.toml:14:12: method 'magnitude' does not train; remove the key");
}

TEST_F(ExperimentTest, TrainingTextHasWindows) {
  const Experiment experiment = read(
      "[[method]]\nid = \"tuned\"\ntraining = { dataset = \"news\", split = \"calibration\", "
      "samples = [0, 8], tokens = 64 }\n");
  ASSERT_EQ(experiment.methods.size(), 3U);
  const TrainingChoice& training = *experiment.methods[2].training;
  EXPECT_TRUE(training.on_text());
  EXPECT_EQ(training.to_json(),
            (Json{{"dataset", "news"}, {"split", "calibration"}, {"samples", 8}, {"tokens", 64}}));
  EXPECT_EQ(experiment.resolved().at("methods").at(2).at("training"), training.to_json());
}

TEST_F(ExperimentTest, KeysOfAnotherFormOfTrainingDataHaveTheirPlace) {
  share_.write("datasets/films.toml", kFilms);
  EXPECT_EQ(problems("[[method]]\nid = \"tuned\"\ntraining = { dataset = \"news\", split = "
                     "\"calibration\", items = [3, 4] }\n"),
            "x.toml:14:63: 'items' is not said of text data, which 'news' is; known: samples, "
            "tokens");
  EXPECT_EQ(problems("[[method]]\nid = \"tuned\"\ntraining = { dataset = \"films\", split = "
                     "\"dev\", tokens = 64 }\n"),
            "x.toml:14:57: 'tokens' is not said of labelled data, which 'films' is; known: items, "
            "subset_seed, max_tokens");
  EXPECT_THAT(problems("[[method]]\nid = \"tuned\"\ntraining = { dataset = \"news\", split = "
                       "\"calibration\", tokens = 1 }\n"),
              HasSubstr("tokens = 1 leaves nothing to predict; give 2 or more"));
  EXPECT_THAT(problems("[[method]]\nid = \"tuned\"\ntraining = { dataset = \"piqa\" }\n"),
              HasSubstr("dataset = \"piqa\""));
}

TEST_F(ExperimentTest, NothingIsTrainedOnTheTextThatASuiteScores) {
  const std::string tuned =
      "{ id = \"tuned\", training = { dataset = \"news\", split = \"evaluation\", samples = [1, "
      "2] } }";
  const std::string said =
      "method 'tuned' would train on the text that suite 'news-ppl' scores (data set 'news', split "
      "'evaluation'); set training.split or training.dataset to another one";
  EXPECT_EQ(problems("[[method]]\nid = \"tuned\"\ntraining = { dataset = \"news\", split = "
                     "\"evaluation\" }\n"),
            "x.toml:12:1: " + said);
  EXPECT_EQ(problems("[[method]]\nid = \"wanda\"\nthen = [" + tuned + "]\n"),
            "x.toml:14:9: " + said);
}

TEST_F(ExperimentTest, TheTimeBetweenCheckpointsCanBeSet) {
  EXPECT_EQ(read("").checkpoint_s, 120);
  EXPECT_FALSE(read("").resolved().at("measure").contains("checkpoint_s"));
  const Experiment experiment = read("[measure]\ncheckpoint_s = 7.5\n");
  EXPECT_EQ(experiment.checkpoint_s, 7.5);
  EXPECT_EQ(experiment.resolved().at("measure").at("checkpoint_s"), 7.5);
  EXPECT_THAT(problems("[measure]\ncheckpoint_s = 0\n"), HasSubstr("give a number > 0"));
  EXPECT_THAT(problems("[[method]]\nid = \"magnitude\"\ncheckpoint_s = 5\n"),
              HasSubstr("it belongs to [measure]"));
}

TEST_F(ExperimentTest, RepeatedCombinationsAreNamed) {
  EXPECT_THAT(problems("[[method]]\nid = \"magnitude\"\n\n[[method]]\nid = \"magnitude\"\n"
                       "sparsity = [0.3, 0.5]\n"),
              testing::MatchesRegex("x.toml:15:1: method 'magnitude' repeats what x.toml:12:1 asks "
                                    "for .*sparsity.:0.5.*; remove one"));
  EXPECT_EQ(problems("[[method]]\nid = \"magnitude\"\nsparsity = [0, 0.0]\n"),
            "x.toml:14:16: sparsity = 0.0 is given twice; remove one");
}

TEST_F(ExperimentTest, AllProblemsComeTogetherInTheOrderOfTheFile) {
  const std::string text =
      "[experiment]\n"          // 1
      "name = \"a b\"\n"        // 2
      "seeds = [0, -1]\n"       // 3
      "profiles = [\"gpu\"]\n"  // 4
      "[[suite]]\n"             // 5
      "id = \"news-ppl\"\n"     // 6
      "window = 0\n"            // 7
      "[[method]]\n"            // 8
      "id = \"dense\"\n"        // 9
      "[measure]\n"             // 10
      "timeout_s = -3\n"        // 11
      "[[model]]\n"             // 12
      "weights = \"rnadom\"\n"  // 13
      "[gate]\n";               // 14
  EXPECT_EQ(share_.experiment_problems(text),
            "x.toml:2:8: name = \"a b\" in [experiment] is not allowed; give letters, digits, '.', "
            "'_' and '-'\n"
            "x.toml:3:9: seeds = [0,-1] in [experiment] is not allowed; give an array of "
            "integers >= 0 that is not empty\n"
            "x.toml:4:12: unknown profile 'gpu'; did you mean 'cpu'? known: cpu\n"
            "x.toml:7:10: window = 0 is outside >= 1\n"
            "x.toml:11:13: timeout_s = -3 in [measure] is not allowed; give a number > 0 and <= "
            "1000000000\n"
            "x.toml:12:1: [[model]] has no key 'id'; add it\n"
            "x.toml:13:11: weights = \"rnadom\" in model '' is not allowed; give one of "
            "checkpoint, random\n"
            "x.toml:14:2: unknown key 'gate' in the experiment file; known: experiment, measure, "
            "method, model, report, suite");
}

TEST_F(ExperimentTest, AnEmptyFileSaysWhatIsMissing) {
  EXPECT_EQ(share_.experiment_problems(""),
            "x.toml:1:1: no [experiment]; add it with a name\n"
            "x.toml:1:1: no [[model]]; add at least one\n"
            "x.toml:1:1: no [[method]]; add at least one\n"
            "x.toml:1:1: no [[suite]]; add at least one");
}

TEST_F(ExperimentTest, BrokenTomlAndMissingFilesAreBadInput) {
  EXPECT_THAT(share_.experiment_problems("[experiment]\nname = \n"),
              HasSubstr("x.toml:2:8: not valid TOML: "));
  EXPECT_THROW((void)read_experiment(share_.path() / "none.toml", share_.catalogue()), UserError);
}

TEST_F(ExperimentTest, NamesOfManyPartsAreRefusedBeforeTheyAreParsed) {
  std::string name = "a";
  for (int i = 0; i < 50000; ++i) name += ".a";
  for (const std::string& line :
       {name + " = 1\n", "[" + name + "]\n", "x = { " + name + " = 1 }\n"}) {
    EXPECT_THAT(problems("\n" + line), HasSubstr("a name of more than 16 parts"));
  }
  std::string numbers = "x = [";
  for (int i = 0; i < 500; ++i) numbers += "0.5, ";
  EXPECT_THAT(problems(numbers + "]\n"), Not(HasSubstr("parts")));
}

TEST_F(ExperimentTest, ATableInsteadOfAListOfTablesIsExplained) {
  EXPECT_THAT(share_.experiment_problems("[experiment]\nname = \"x\"\n[method]\nid = \"dense\"\n"
                                         "[[model]]\nid = \"m\"\n[[suite]]\nid = \"decode\"\n"),
              testing::StartsWith("x.toml:3:1: 'method' must be written as [[method]]"));
}

TEST_F(ExperimentTest, TheDocumentedExampleIsValid) {
  const std::string text = read_text_file(source_dir() / "docs/formats/experiment.md");
  const std::string start = "```toml\n";
  const std::size_t at = text.find(start) + start.size();
  const Experiment experiment = share_.experiment(text.substr(at, text.find("```", at) - at));
  EXPECT_EQ(experiment.methods.size(), 1U + 3 + 2 * 2 + 1);
  EXPECT_EQ(experiment.suites.size(), 1U + 2);
  EXPECT_TRUE(experiment.suites[0].limited);
  EXPECT_EQ(experiment.processes_per_arm, 5);
}

TEST_F(ExperimentTest, ATargetAsksForWholeBlocksAndHasABudget) {
  const Experiment experiment = read("[measure]\ntarget_interval = \"2.5 %\"\n");
  EXPECT_TRUE(experiment.sampling.adapts());
  EXPECT_DOUBLE_EQ(experiment.sampling.target_interval, 0.025);
  EXPECT_EQ(experiment.processes_per_arm, 4);
  EXPECT_EQ(experiment.resolved().at("measure"), (Json{{"processes_per_arm", 4},
                                                       {"timeout_s", 3600.0},
                                                       {"target_interval", 0.025},
                                                       {"budget_s", 600.0},
                                                       {"max_processes_per_arm", 40}}));
  const Experiment more =
      read("[measure]\nprocesses_per_arm = 51\ntarget_interval = \"100%\"\nbudget_s = 5\n");
  EXPECT_EQ(more.processes_per_arm, 52);
  EXPECT_EQ(more.sampling.max_processes_per_arm, 52);
  EXPECT_DOUBLE_EQ(more.sampling.budget_s, 5);
  EXPECT_FALSE(read("").resolved().at("measure").contains("target_interval"));
}

TEST_F(ExperimentTest, ATargetThatMeansNothingIsRefused) {
  for (const char* target : {"0 %", "5", "-5 %", "101 %", "five %", "5 % of 3"}) {
    EXPECT_THAT(problems(std::string("[measure]\ntarget_interval = \"") + target + "\"\n"),
                HasSubstr("give a share above 0 % and up to 100 %, such as \"5 %\""))
        << target;
  }
  EXPECT_THAT(problems("[measure]\ntarget_interval = \"5 %\"\nmax_processes_per_arm = 7\n"),
              HasSubstr("max_processes_per_arm = 7 is not allowed; give an even number"));
  EXPECT_THAT(problems("[measure]\nprocesses_per_arm = 9\ntarget_interval = \"5 %\"\n"
                       "max_processes_per_arm = 8\n"),
              HasSubstr("at least processes_per_arm (here 10)"));
  EXPECT_THAT(problems("[measure]\nbudget_s = 60\n"),
              HasSubstr("budget_s limits how long target_interval is pursued, and there is none"));
}

TEST_F(ExperimentTest, ImpossibleRangesAreRefused) {
  for (const char* range :
       {"{ from = 0.5, to = 0.1, step = 0.1 }", "{ from = 0.1, to = 0.5 }",
        "{ from = 0.1, to = 0.5, step = 0 }", "{ from = 0.1, to = 0.5, step = 0.000001 }"}) {
    EXPECT_THAT(problems(std::string("[[method]]\nid = \"wanda\"\nsparsity = ") + range + "\n"),
                testing::StartsWith("x.toml:14:12: sparsity = {"))
        << range;
  }
}

}  // namespace
}  // namespace assay
