// Cells that do not apply, data that are absent, and what stops a plan.

#include "harness/plan/plan_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "harness/plan/plan_fixture.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST_F(PlanTest, AnUnmetRequirementSaysWhatTheModelHas) {
  const Plan made = plan("[[method]]\nid = \"tardis\"\n");
  ASSERT_TRUE(made.cells[1].unmet);
  EXPECT_EQ(made.cells[1].unmet->outcome, Outcome::kUnmet);
  EXPECT_EQ(made.cells[1].unmet->code, "requirement");
  EXPECT_EQ(made.cells[1].unmet->text, "ffn.gated must be false (this model: true)");
  EXPECT_TRUE(made.cells[1].artefact_key.empty());
  EXPECT_TRUE(made.fits.empty());
  EXPECT_FALSE(made.cells[0].unmet);
  resolver_.traits["ffn.gated"] = false;
  EXPECT_FALSE(plan("[[method]]\nid = \"tardis\"\n").cells[1].unmet);
}

TEST_F(PlanTest, ASuiteThatDoesNotApplyIsUnmetAndAsksForNoData) {
  share_.write("datasets/films.toml", kFilms);
  share_.write("datasets/suites/films.toml", kFilmSuite);
  Catalogue catalogue = share_.catalogue();
  for (SuiteKindEntry& kind : catalogue.suite_kinds) {
    if (kind.name != "classification") continue;
    kind.requirements = {{"output", "==", "classifier", "fine-tune a classifier first"}};
  }
  for (MethodEntry& method : catalogue.methods) {
    if (method.name == "magnitude") method.changes = {"output", "classes"};
  }
  const Experiment experiment =
      share_.experiment(kSmallExperiment +
                        std::string("[[method]]\nid = \"magnitude\"\n[[suite]]\nid = \"films\"\n"));
  resolver_.traits["output"] = "none";
  const Plan made = make_plan(experiment, catalogue, resolver_);
  ASSERT_EQ(made.cells.size(), 4U);
  EXPECT_FALSE(made.cells[0].unmet) << "another suite";
  ASSERT_TRUE(made.cells[2].unmet);
  EXPECT_EQ(made.cells[2].unmet->code, "requirement");
  EXPECT_EQ(made.cells[2].unmet->text,
            "suite 'films': output must be classifier (this model: none): fine-tune a classifier "
            "first");
  EXPECT_EQ(made.cells[2].key_doc.at("suite").at("data"), "not needed");
  EXPECT_FALSE(made.cells[3].unmet) << "the method may give the model what the suite asks for";
  EXPECT_EQ(made.cells[3].data_folder, "/prepared/films-dev-64");
  resolver_.traits["output"] = "classifier";
  EXPECT_FALSE(make_plan(experiment, catalogue, resolver_).cells[2].unmet);
}

constexpr const char* kTunedOnNews =
    "[[method]]\nid = \"tuned\"\ntraining = { dataset = \"news\", split = \"calibration\" }\n";

TEST_F(PlanTest, AModelThatCannotLearnFromTheFormOfItsDataIsUnmet) {
  share_.write("datasets/films.toml", kFilms);
  const std::string both =
      kTunedOnNews +
      std::string(
          "[[method]]\nid = \"tuned\"\ntraining = { dataset = \"films\", split = \"dev\" }\n");
  for (const Cell& cell : plan(both).cells) EXPECT_FALSE(cell.unmet);
  resolver_.traits["family"] = "bert";
  const Plan made = plan(both);
  ASSERT_TRUE(made.cells[1].unmet);
  EXPECT_EQ(made.cells[1].unmet->code, "requirement");
  EXPECT_EQ(made.cells[1].unmet->text, "family must not be bert (this model: bert)");
  EXPECT_FALSE(made.cells[2].unmet);
}

// Only what is trained on labelled items gets another output.
TEST_F(PlanTest, TheFormOfTheDataSaysWhichTraitsChange) {
  share_.write("datasets/films.toml", kFilms);
  share_.write("datasets/suites/films.toml", kFilmSuite);
  Catalogue catalogue = share_.catalogue();
  for (SuiteKindEntry& kind : catalogue.suite_kinds) {
    if (kind.name == "classification") kind.requirements = {{"output", "==", "classifier"}};
  }
  resolver_.traits["output"] = "vocabulary";
  const auto unmet = [&](const std::string& method) {
    const Experiment experiment =
        share_.experiment(kSmallExperiment + method + "[[suite]]\nid = \"films\"\n");
    return make_plan(experiment, catalogue, resolver_).cells.back().unmet.has_value();
  };
  EXPECT_TRUE(unmet(kTunedOnNews));
  EXPECT_FALSE(
      unmet("[[method]]\nid = \"tuned\"\ntraining = { dataset = \"films\", split = "
            "\"dev\" }\n"));
}

TEST_F(PlanTest, LabelledDataAreAskedForAtTheSuitesLength) {
  share_.write("datasets/films.toml", kFilms);
  share_.write("datasets/suites/films.toml", kFilmSuite);
  const std::string wanda = "[[method]]\nid = \"magnitude\"\n";
  const std::string films = "[[suite]]\nid = \"films\"\nmax_tokens = [64, 32]\n";
  const Plan made = plan(wanda + films);
  ASSERT_EQ(made.cells.size(), 6U);
  EXPECT_EQ(made.cells[2].data_folder, "/prepared/films-dev-64");
  EXPECT_EQ(made.cells[5].data_folder, "/prepared/films-dev-32");
  EXPECT_EQ(made.cells[5].key_doc.at("suite").at("data"), "key-of-films-dev-32");
  EXPECT_EQ(resolver_.questions, 3) << "once for each split and length, not for each cell";
  resolver_.has_films = false;
  const Plan without = plan(films);
  ASSERT_TRUE(without.cells[1].unmet);
  EXPECT_EQ(without.cells[1].unmet->code, kDataAbsent);
  EXPECT_FALSE(without.cells[0].unmet);
}

TEST_F(PlanTest, ItemsLongerThanTheModelsPositionsAreRefused) {
  share_.write("datasets/films.toml", kFilms);
  share_.write("datasets/suites/films.toml", kFilmSuite);
  EXPECT_THAT(
      problems(kSmallExperiment + std::string("[[suite]]\nid = \"films\"\nmax_tokens = 300\n")),
      HasSubstr("suite 'films': max_tokens = 300 is more than the 256 positions"));
  EXPECT_THAT(problems(kSmallExperiment +
                       std::string("[[method]]\nid = \"tuned\"\ntraining = { dataset = \"films\", "
                                   "split = \"dev\", max_tokens = 300 }\n")),
              HasSubstr("method 'tuned': training.max_tokens = 300 is more than the 256 positions "
                        "of model 'tiny'; give at most 256"));
  EXPECT_THAT(problems(kSmallExperiment +
                       std::string("[[method]]\nid = \"tuned\"\ntraining = { dataset = \"news\", "
                                   "split = \"calibration\", tokens = 300 }\n")),
              HasSubstr("method 'tuned': training.tokens = 300 is more than the 256 positions of "
                        "model 'tiny'; give at most 256, or 0 for the usual length"));
}

TEST_F(PlanTest, AbsentDataMakeCellsUnmetUnderAnotherKey) {
  const Plan with = plan(kWanda);
  resolver_.has_news = false;
  const Plan without = plan(kWanda);
  for (const Cell& cell : without.cells) {
    ASSERT_TRUE(cell.unmet);
    EXPECT_EQ(cell.unmet->code, "data_absent");
    EXPECT_THAT(cell.unmet->text, HasSubstr("assay data get news"));
  }
  EXPECT_NE(with.cells[0].key, without.cells[0].key);
}

/// Under the key of the content: mended data are another question.
TEST_F(PlanTest, BadDataMakeCellsUnmetUnderTheirKey) {
  const Plan with = plan(kWanda);
  resolver_.bad_news = "gold is 7";
  const Plan bad = plan(kWanda);
  for (const Cell& cell : bad.cells) {
    ASSERT_TRUE(cell.unmet);
    EXPECT_EQ(cell.unmet->code, kBadData);
    EXPECT_EQ(cell.unmet->text, "gold is 7");
  }
  EXPECT_EQ(with.cells[0].key, bad.cells[0].key);
  EXPECT_TRUE(bad.fits.empty());
}

TEST_F(PlanTest, RandomWeightsAreForTimesOnly) {
  std::string text = std::string(kSmallExperiment) + "[[suite]]\nid = \"decode\"\n";
  text.replace(text.find("id = \"tiny\"\n"), 12, "id = \"tiny\"\nweights = \"random\"\n");
  const Plan made = make_plan(share_.experiment(text), share_.catalogue(), resolver_);
  ASSERT_TRUE(made.cells[0].unmet);
  EXPECT_EQ(made.cells[0].unmet->code, "random_weights");
  EXPECT_FALSE(made.cells[1].unmet);
  EXPECT_EQ(resolver_.questions, 0);
  EXPECT_NE(made.cells[1].key, plan("[[suite]]\nid = \"decode\"\n").cells[1].key);
}

TEST_F(PlanTest, LengthsAreCheckedAgainstTheModel) {
  EXPECT_EQ(problems(std::string(kSmallExperiment) + "window = 512\n"),
            "x.toml:10:1: suite 'news-ppl': window = 512 is more than the 256 positions of model "
            "'tiny'; ask for at most 256 tokens");
  EXPECT_EQ(problems(std::string(kSmallExperiment) +
                     "[[suite]]\nid = \"decode\"\nprompt_tokens = 200\nnew_tokens = 57\n"),
            "x.toml:12:1: suite 'decode': prompt_tokens + new_tokens = 200 + 57 is more than the "
            "256 positions of model 'tiny'; ask for at most 256 tokens");
  EXPECT_EQ(problems(std::string(kSmallExperiment) +
                     "[[suite]]\nid = \"decode\"\nprompt_tokens = 200\nnew_tokens = 56\n"),
            "");
  EXPECT_EQ(problems(std::string(kSmallExperiment) +
                     "[[method]]\nid = \"wanda\"\ncalibration = { tokens = 257 }\n"),
            "x.toml:12:1: method 'wanda': calibration.tokens = 257 is more than the 256 positions "
            "of model 'tiny'; give at most 256, or 0 for the model's own length");
}

TEST_F(PlanTest, PatternsMustDivideTheRows) {
  const std::string head = std::string(kSmallExperiment) + "[[method]]\nid = \"wanda\"\n";
  EXPECT_EQ(problems(head + "pattern = \"2:4\"\n"), "");
  EXPECT_EQ(problems(head + "pattern = \"100:512\"\n"),
            "x.toml:12:1: method 'wanda': pattern = \"100:512\" does not divide rows of 256 "
            "elements (width of model 'tiny'); choose N:M with M a divisor of it\n"
            "x.toml:12:1: method 'wanda': pattern = \"100:512\" does not divide rows of 256 "
            "elements (attention width of model 'tiny'); choose N:M with M a divisor of it");
  EXPECT_EQ(
      problems(head + "pattern = \"2:4\"\nsparsity = 0.25\n"),
      "x.toml:12:1: method 'wanda': sparsity 0.25 contradicts pattern 2:4, which removes 0.5; "
      "leave sparsity out");
}

TEST_F(PlanTest, ModelsThatCannotBeUsedAreNamedTogether) {
  const std::string text =
      std::string(kSmallExperiment) + "[[model]]\nid = \"none\"\n[[model]]\nid = \"alias\"\n";
  EXPECT_EQ(problems(text),
            "x.toml:12:1: no such model 'none'\n"
            "x.toml:14:1: model 'alias' has the same content as 'tiny'; remove one");
}

TEST_F(PlanTest, AModelThatIsMoreThanTheMemoryIsUnmetUnderTheSameKeys) {
  const Plan usual = plan(kWanda);
  resolver_.size.parameters = std::int64_t{1} << 50;
  const Plan large = plan(kWanda);
  ASSERT_EQ(large.cells.size(), usual.cells.size());
  for (std::size_t i = 0; i < large.cells.size(); ++i) {
    EXPECT_EQ(large.cells[i].key, usual.cells[i].key);
    ASSERT_TRUE(large.cells[i].unmet.has_value());
    EXPECT_EQ(large.cells[i].unmet->code, "machine");
    EXPECT_THAT(large.cells[i].unmet->text,
                AllOf(HasSubstr("the weights of model 'tiny' take 4503.6 TB in fp32"),
                      HasSubstr("this machine has "), HasSubstr("dtype bf16")));
  }
  EXPECT_TRUE(large.fits.empty());
}

TEST_F(PlanTest, ProfilesThatDoNotFitTheMachineStopThePlan) {
  share_.write("hardware_profiles/huge.toml", "id = \"huge\"\nsummary = \"s\"\nthreads = 4096\n");
  std::string text = kSmallExperiment;
  text.replace(text.find("name = \"small\"\n"), 15, "name = \"small\"\nprofiles = [\"huge\"]\n");
  EXPECT_THROW((void)make_plan(share_.experiment(text), share_.catalogue(), resolver_),
               MachineError);
}
}  // namespace
}  // namespace assay
