#include "harness/config/experiment_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/config/config_fixture.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class ExperimentTextTest : public ::testing::Test {
 protected:
  static AskedExperiment asked(const std::vector<std::string>& methods) {
    AskedExperiment one;
    one.models = {"tiny"};
    one.methods = methods;
    one.suites = {"news-ppl"};
    return one;
  }
  [[nodiscard]] std::string text(const AskedExperiment& one) const {
    return experiment_text(one, share_.catalogue()).text;
  }
  [[nodiscard]] Experiment read(const AskedExperiment& one) const {
    const Catalogue catalogue = share_.catalogue();
    return read_experiment(experiment_text(one, catalogue), catalogue);
  }
  [[nodiscard]] std::string problems(const AskedExperiment& one) const {
    try {
      (void)read(one);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  Share share_;
};

TEST_F(ExperimentTextTest, IsTheTextOfAFileThatAsksForTheSame) {
  AskedExperiment one =
      asked({"wanda:sparsity=[0.5,0.6],pattern=2:4", "magnitude:layers=[0, 2]+tuned"});
  one.models.emplace_back("./other \"folder\":weights=random");
  one.suites.emplace_back("decode:batch=8");
  one.suites.emplace_back("piqa:limit=4");
  one.seeds = {0, 3};
  share_.write("datasets/sst2.toml",
               "name = \"sst2\"\nsummary = \"s\"\nlicence = \"free\"\nsource = \"here\"\n"
               "kind = \"labelled\"\ntext = [\"sentence\"]\nlabel = \"label\"\n"
               "labels = { bad = 0, good = 1 }\n[splits.train]\nfiles = [\"f.tsv\"]\n");
  const Experiment experiment = read(one);
  EXPECT_EQ(experiment.resolved(), share_.experiment(text(one)).resolved());
  ASSERT_EQ(experiment.methods.size(), 4U);
  EXPECT_EQ(experiment.methods[0].id, "dense");
  EXPECT_EQ(experiment.methods[2].params, (Json{{"sparsity", 0.6}, {"pattern", "2:4"}}));
  EXPECT_EQ(experiment.methods[3].chain_name(), "magnitude then tuned");
  EXPECT_EQ(experiment.models[1].id, "./other \"folder\"");
  EXPECT_TRUE(experiment.models[1].random_weights);
  EXPECT_THAT(experiment.seeds, ElementsAre(0, 3));
  EXPECT_EQ(experiment.suites[1].params.at("batch"), 8);
  EXPECT_TRUE(experiment.suites[2].limited);
}

TEST_F(ExperimentTextTest, WithoutAMethodOnlyDenseIsMeasured) {
  const Experiment experiment = read(asked({}));
  ASSERT_EQ(experiment.methods.size(), 1U);
  EXPECT_EQ(experiment.methods[0].id, "dense");
}

TEST_F(ExperimentTextTest, DenseIsAddedOnceOrNotAtAll) {
  EXPECT_EQ(read(asked({"magnitude", "dense"})).methods.size(), 2U);
  AskedExperiment alone = asked({"magnitude"});
  alone.twin = false;
  EXPECT_EQ(read(alone).methods.size(), 1U);
}

TEST_F(ExperimentTextTest, TheNameTellsQuestionsApart) {
  const Experiment one = read(asked({"magnitude"}));
  EXPECT_THAT(one.name, MatchesRegex("line-[0-9a-f]{8}"));
  EXPECT_EQ(one.title, "magnitude on tiny");
  EXPECT_EQ(one.name, read(asked({"magnitude"})).name);
  EXPECT_NE(one.name, read(asked({"magnitude:sparsity=0.6"})).name);
  AskedExperiment seeded = asked({"magnitude"});
  seeded.seeds = {1};
  EXPECT_NE(one.name, read(seeded).name);
  seeded.name = "mine";
  EXPECT_EQ(read(seeded).name, "mine");
}

TEST_F(ExperimentTextTest, CalibrationIsForThoseThatUseAny) {
  AskedExperiment one = asked({"magnitude", "wanda", "wanda:pattern=1:2",
                               "wanda:sparsity=0.1,calibration.samples=8", "magnitude+staged"});
  one.suites = {"decode"};
  one.calibration = "news:samples=[16,32]";
  const Experiment experiment = read(one);
  ASSERT_EQ(experiment.methods.size(), 8U);
  EXPECT_FALSE(experiment.methods[1].calibration.has_value());
  EXPECT_EQ(experiment.methods[2].calibration->samples, 16);
  EXPECT_EQ(experiment.methods[3].calibration->samples, 32);
  EXPECT_FALSE(experiment.methods[4].calibration.has_value());
  EXPECT_EQ(experiment.methods[5].calibration->samples, 8);
  EXPECT_EQ(experiment.methods[7].then[0].calibration->samples, 32);
}

TEST_F(ExperimentTextTest, CalibrationTakesASplitThatTheDataSetHas) {
  AskedExperiment one = asked({"staged"});
  one.calibration = "piqa";
  EXPECT_EQ(read(one).methods[1].calibration->split, "train");
  one.calibration = "news";
  EXPECT_EQ(read(one).methods[1].calibration->split, "calibration");
  one.calibration = "news:split=evaluation";
  EXPECT_EQ(read(one).methods[1].calibration->split, "evaluation");
}

TEST_F(ExperimentTextTest, CalibrationForNobodyIsRefused) {
  AskedExperiment one = asked({"magnitude", "wanda:calibration.samples=8"});
  one.calibration = "news";
  EXPECT_THAT(problems(one), StartsWith("--calibration news: every method uses no calibration"));
  one.methods = {"wnada"};
  EXPECT_THAT(problems(one), AllOf(HasSubstr("did you mean 'wanda'"), Not(HasSubstr("leave it"))));
}

TEST_F(ExperimentTextTest, ProblemsNameTheOptionsAllAtOnce) {
  AskedExperiment one = asked({"wanda:sparsity=2", "magnitude:sparsty=0.5", "wnada",
                               "magnitude+wanda:pattern=3", "staged:density=nan"});
  one.suites = {"decod", "decode:batch=0"};
  one.profiles = {"cpu", "gpu"};
  one.seeds = {-1};
  one.name = "a b";
  EXPECT_THAT(
      problems(one),
      AllOf(HasSubstr("--method wanda:sparsity=2: sparsity = 2 is outside [0, 1)"),
            HasSubstr("--method magnitude:sparsty=0.5: unknown key 'sparsty' in method "
                      "'magnitude'; did you mean 'sparsity'"),
            HasSubstr("--method wnada: unknown method 'wnada'; did you mean 'wanda'"),
            HasSubstr("--method magnitude+wanda:pattern=3: pattern = 3 is not"),
            HasSubstr("--method staged:density=nan: density in method 'staged': dates, NaN"),
            HasSubstr("--suite decod: unknown suite 'decod'; did you mean 'decode'"),
            HasSubstr("--suite decode:batch=0: batch = 0 is"),
            HasSubstr("--profile cpu --profile gpu: unknown profile 'gpu'"),
            HasSubstr("--seed -1: seeds = [-1]"), HasSubstr("--name a b: name = \"a b\""),
            Not(HasSubstr("command line"))));
}

TEST_F(ExperimentTextTest, RepeatsNameBothOptions) {
  EXPECT_THAT(
      problems(asked({"magnitude", "magnitude:sparsity=0.5"})),
      StartsWith("--method magnitude:sparsity=0.5: method 'magnitude' repeats what --method "
                 "magnitude asks for"));
}

TEST_F(ExperimentTextTest, ProblemsOfCalibrationNameItsOption) {
  AskedExperiment one = asked({"wanda"});
  one.calibration = "piqa";
  EXPECT_THAT(problems(one), StartsWith("--calibration piqa: data set 'piqa' is of kind items"));
  one.calibration = "nwes";
  EXPECT_THAT(problems(one), StartsWith("--calibration nwes: dataset = \"nwes\""));
  one.calibration = "news:sampels=3";
  EXPECT_THAT(problems(one), AllOf(StartsWith("--calibration news:sampels=3: "),
                                   HasSubstr("did you mean 'samples'")));
}

TEST_F(ExperimentTextTest, WhatIsNoTomlNamesTheOptionToo) {
  EXPECT_THAT(problems(asked({"magnitude:sparsity=0.5,sparsity.x=1"})),
              StartsWith("--method magnitude:sparsity=0.5,sparsity.x=1: not valid TOML: "));
}

TEST_F(ExperimentTextTest, PlacesThatPlanningNamesAreOptions) {
  const Experiment experiment = read(asked({"magnitude+wanda"}));
  EXPECT_EQ(experiment.models[0].place.text(), "--model tiny");
  EXPECT_EQ(experiment.methods[0].place.text(), "dense, which is added");
  EXPECT_EQ(experiment.methods[1].place.text(), "--method magnitude+wanda");
  EXPECT_EQ(experiment.methods[1].then[0].place.text(), "--method magnitude+wanda");
  EXPECT_EQ(experiment.suites[0].place.text(), "--suite news-ppl");
}

}  // namespace
}  // namespace assay
