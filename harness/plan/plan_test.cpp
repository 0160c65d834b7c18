#include "harness/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/config/config_fixture.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

/// A world with one model of 256 positions, width 256, FFN 1024, 8 heads of 32.
class FakeResolver : public Resolver {
 public:
  Json traits = {{"family", "opt"},     {"width", 256},      {"heads", 8},
                 {"ffn.width", 1024},   {"ffn.gated", true}, {"attention.head_dim", 32},
                 {"max_positions", 256}};
  bool has_news = true, has_films = true;
  std::string bad_news = {};  ///< what is wrong with them
  int questions = 0;

  ResolvedModel model(const ModelChoice& choice) override {
    if (choice.id == "none") throw UserError("no such model 'none'");
    // "alias" is a second name for the content of "tiny".
    const std::string content = choice.id == "alias" ? "tiny" : choice.id;
    return {choice, "/models/" + choice.id, "hash-of-" + content, "tokenizer", traits};
  }
  ResolvedData stream(const ResolvedModel& model, const std::string& dataset,
                      const std::string& split) override {
    ++questions;
    if (!has_news) return {"", "", "news is not here; get it with `assay data get news`"};
    const std::string key = "key-of-" + dataset + "-" + split;
    if (!bad_news.empty()) return {key, "", bad_news, kBadData};
    return {key, "/prepared/" + split, ""};
  }
  ResolvedData items(const ResolvedModel& model, const SuiteChoice& suite) override {
    return {"key-of-" + suite.id, "/prepared/" + suite.id, ""};
  }
  ResolvedData labelled(const ResolvedModel& model, const std::string& dataset,
                        const std::string& split, std::int64_t max_tokens) override {
    ++questions;
    const std::string name = dataset + "-" + split + "-" + std::to_string(max_tokens);
    if (!has_films) return {"", "", "films is not here; get it with `assay data get films`"};
    return {"key-of-" + name, "/prepared/" + name, ""};
  }
};

class PlanTest : public ::testing::Test {
 protected:
  Plan plan(const std::string& more) {
    return make_plan(share_.experiment(kSmallExperiment + more), share_.catalogue(), resolver_);
  }
  std::string problems(const std::string& text) {
    try {
      (void)make_plan(share_.experiment(text), share_.catalogue(), resolver_);
      return "";
    } catch (const UserError& error) {
      std::string message = error.what();
      const std::string folder = share_.path().string() + "/";
      for (std::size_t at = message.find(folder); at != std::string::npos;
           at = message.find(folder)) {
        message.erase(at, folder.size());
      }
      return message;
    }
  }
  Share share_;
  FakeResolver resolver_;
};

constexpr const char* kWanda =
    "[[method]]\nid = \"wanda\"\nsparsity = [0.3, 0.5]\ncalibration = { samples = 4 }\n";

std::set<std::string> keys_of(const Plan& plan) {
  std::set<std::string> keys;
  for (const Cell& cell : plan.cells) keys.insert(cell.key);
  return keys;
}

TEST_F(PlanTest, CellsAreTheProductAndHaveTwins) {
  share_.write("hardware_profiles/other.toml",
               "id = \"other\"\nsummary = \"s\"\ndtype = \"bf16\"\n");
  std::string text = kSmallExperiment + std::string(kWanda) + "[[suite]]\nid = \"decode\"\n";
  text.replace(text.find("name = \"small\"\n"), 15,
               "name = \"small\"\nseeds = [0, 7]\nprofiles = [\"cpu\", \"other\"]\n");
  const Plan plan = make_plan(share_.experiment(text), share_.catalogue(), resolver_);
  ASSERT_EQ(plan.cells.size(), 2U * 2 * 3 * 2);  // profiles, suites, methods, seeds
  EXPECT_EQ(keys_of(plan).size(), plan.cells.size());
  for (std::size_t i = 0; i < plan.cells.size(); ++i) {
    const Cell& cell = plan.cells[i];
    EXPECT_EQ(cell.ordinal, static_cast<std::int64_t>(i));
    EXPECT_EQ(cell.key, json_hash(cell.key_doc));
    const auto twin = std::find_if(plan.cells.begin(), plan.cells.end(),
                                   [&](const Cell& other) { return other.key == cell.twin_key; });
    ASSERT_NE(twin, plan.cells.end());
    EXPECT_EQ(plan.method_of(*twin).id, "dense");
    EXPECT_EQ(twin->suite, cell.suite);
    EXPECT_EQ(twin->profile, cell.profile);
    EXPECT_EQ(twin->seed, cell.seed);
  }
  EXPECT_EQ(plan.cells[1].seed, 7U);
  // Fits depend on method and seed, not on suites and profiles.
  EXPECT_EQ(plan.fits.size(), 2U * 2);
}

TEST_F(PlanTest, FitsKnowTheirResolvedCalibration) {
  const Plan made = plan(kWanda);
  const FitJob& job = made.fits.at(made.cells[1].artefact_key);
  EXPECT_EQ(job.samples, 4);
  EXPECT_EQ(job.tokens, 256);  // the model's positions: the file leaves the length open
  EXPECT_EQ(job.sampling, "stream");
  EXPECT_EQ(job.calibration_folder, "/prepared/calibration");
  EXPECT_EQ(job.key, json_hash(job.key_doc));
  EXPECT_TRUE(made.cells[0].artefact_key.empty());
  EXPECT_EQ(made.cells[0].data_folder, "/prepared/evaluation");
  EXPECT_EQ(resolver_.questions, 2);  // one for each split, not one for each cell
}

TEST_F(PlanTest, ASettingThatLooksAtNoDataHasNoneInItsKeyAndAsksForNone) {
  const Plan made = plan("[[method]]\nid = \"wanda\"\npattern = \"1:2\"\n");
  const FitJob& job = made.fits.at(made.cells[1].artefact_key);
  EXPECT_TRUE(job.key_doc.at("calibration").is_null());
  EXPECT_TRUE(made.cells[1].key_doc.at("calibration").is_null());
  EXPECT_TRUE(job.calibration_folder.empty());
  EXPECT_EQ(resolver_.questions, 1) << "the calibration text was asked for";
}

TEST_F(PlanTest, CommentsAndOrderOfKeysDoNotChangeKeysButAParameterDoes) {
  const auto keys = keys_of(plan(kWanda));
  EXPECT_EQ(keys, keys_of(plan("# a remark\n[[method]]\ncalibration = { samples = 4 }\n"
                               "sparsity = [0.3, 0.5]  # two\nid = \"wanda\"\n")));
  EXPECT_EQ(keys, keys_of(plan("[[method]]\nid = \"wanda\"\nsparsity = [0.30, 5e-1]\n"
                               "pattern = \"unstructured\"\ncalibration.samples = 4\n")));
  const auto changed =
      keys_of(plan("[[method]]\nid = \"wanda\"\nsparsity = [0.3, 0.6]\n"
                   "calibration = { samples = 4 }\n"));
  std::vector<std::string> both;
  std::set_intersection(keys.begin(), keys.end(), changed.begin(), changed.end(),
                        std::back_inserter(both));
  EXPECT_EQ(both.size(), 2U);  // dense and 0.3
}

TEST_F(PlanTest, AnotherSuiteLeavesTheKeysOfAScoreAlone) {
  const auto before = keys_of(plan(""));
  const auto after =
      keys_of(plan("[[suite]]\nid = \"piqa\"\nlimit = 3\n[[suite]]\nid = "
                   "\"decode\"\n[measure]\nprocesses_per_arm = 9\n"));
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

TEST_F(PlanTest, MoreProcessesAreAnotherMeasurementOfTime) {
  const std::string decode = "[[suite]]\nid = \"decode\"\n";
  EXPECT_NE(plan(decode).cells[1].key,
            plan(decode + "[measure]\nprocesses_per_arm = 9\n").cells[1].key);
}

TEST_F(PlanTest, ATargetAndItsBudgetAreAnotherMeasurementOfTimeOnly) {
  const std::string decode = "[[suite]]\nid = \"decode\"\n[measure]\nprocesses_per_arm = 4\n";
  const std::string target = decode + "target_interval = \"5 %\"\n";
  const Plan fixed = plan(decode), adapts = plan(target);
  EXPECT_EQ(fixed.cells[0].key, adapts.cells[0].key) << "a score";
  EXPECT_NE(fixed.cells[1].key, adapts.cells[1].key);
  EXPECT_NE(adapts.cells[1].key, plan(target + "budget_s = 60\n").cells[1].key);
  EXPECT_NE(adapts.cells[1].key, plan(target + "max_processes_per_arm = 8\n").cells[1].key);
}

const std::string kStaged =
    "[[method]]\nid = \"staged\"\ncriterion = [\"norm\", \"fisher\"]\ndensity = [0.1, 0.2, 0.5]\n"
    "calibration = { samples = 4 }\n";

std::map<std::string, int> stages_of(const Plan& plan) {
  std::map<std::string, int> counts;
  for (const auto& [key, job] : plan.fits) ++counts[job.stage];
  return counts;
}

// What is expensive runs once for every setting that leaves its inputs as they are.
TEST_F(PlanTest, StagesAreSharedBySettingsThatTheyDoNotRead) {
  const Plan all = plan(kStaged);
  EXPECT_EQ(stages_of(all),
            (std::map<std::string, int>{{"traces", 1}, {"predictor", 2}, {"selection", 2 * 3}}));
  const Cell& last = all.cells.back();
  const std::vector<const FitJob*> jobs = all.jobs_for(last.artefact_key);
  ASSERT_EQ(jobs.size(), 3U);
  EXPECT_EQ(jobs[0]->stage, "traces");
  EXPECT_EQ(jobs[1]->inputs.at("traces"), jobs[0]->key);
  EXPECT_EQ(jobs[2]->inputs.at("predictor"), jobs[1]->key);
  EXPECT_FALSE(jobs[0]->calibration_folder.empty());
  EXPECT_TRUE(jobs[1]->calibration_folder.empty());
  EXPECT_EQ(all.links_to(last.artefact_key).size(), 1U);  // the last stage alone is applied
}

TEST_F(PlanTest, AChangeOfAnEarlyStageChangesAllAfterIt) {
  const Plan few = plan(kStaged);
  std::string more = kStaged;
  more.replace(more.find("samples = 4"), 11, "samples = 8");
  const Plan many = plan(more);
  for (const auto& [key, job] : few.fits) EXPECT_FALSE(many.fits.contains(key)) << job.stage;
}

const std::string kChain =
    "[[method]]\nid = \"wanda\"\nsparsity = [0.3, 0.5]\ncalibration = { samples = 4 }\n"
    "then = [{ id = \"magnitude\", sparsity = [0.6, 0.7] }]\n";

TEST_F(PlanTest, LinksOfAChainAreFittedOnWhatIsBeforeThem) {
  const Plan chained = plan(kChain);
  EXPECT_EQ(chained.fits.size(), 2U + 2 * 2);
  const Cell& last = chained.cells.back();
  const std::vector<const FitJob*> links = chained.links_to(last.artefact_key);
  ASSERT_EQ(links.size(), 2U);
  EXPECT_EQ(chained.method_of(*links[0]).id, "wanda");
  EXPECT_EQ(chained.method_of(*links[1]).id, "magnitude");
  EXPECT_EQ(links[1]->base, links[0]->key);
  EXPECT_EQ(chained.jobs_for(last.artefact_key), links);
  EXPECT_EQ(last.key_doc.at("then").at(0).at("method").at("name"), "magnitude");
  // The first link is the fit that a block without `then` would make.
  const Plan alone = plan(kWanda);
  EXPECT_TRUE(alone.fits.contains(links[0]->key));
  std::set<std::string> keys = keys_of(chained);
  for (const std::string& key : keys_of(alone)) keys.insert(key);
  EXPECT_EQ(keys.size(), 1U + 4 + 2);  // dense is the same in both
}

TEST_F(PlanTest, TrainingItemsAreAskedForAndPartOfTheKey) {
  share_.write("datasets/films.toml", kFilms);
  const std::string tuned =
      "[[method]]\nid = \"tuned\"\ntraining = { dataset = \"films\", split = \"dev\", items = 100 "
      "}\n";
  const Plan trained = plan(tuned);
  const FitJob& job = trained.fits.begin()->second;
  EXPECT_EQ(job.training_folder, "/prepared/films-dev-128");
  EXPECT_EQ(job.key_doc.at("training").at("items"), 100);
  resolver_.has_films = false;
  EXPECT_EQ(plan(tuned).cells.back().unmet->code, kDataAbsent);
}

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

TEST_F(PlanTest, ProfilesThatDoNotFitTheMachineStopThePlan) {
  share_.write("hardware_profiles/huge.toml", "id = \"huge\"\nsummary = \"s\"\nthreads = 4096\n");
  std::string text = kSmallExperiment;
  text.replace(text.find("name = \"small\"\n"), 15, "name = \"small\"\nprofiles = [\"huge\"]\n");
  EXPECT_THROW((void)make_plan(share_.experiment(text), share_.catalogue(), resolver_),
               MachineError);
}

TEST_F(PlanTest, ExplainNamesWhatDiffersFromTheNearest) {
  const Plan made = plan(kWanda);
  EXPECT_EQ(explain(made.cells[1], std::nullopt), "nothing like it was measured");
  EXPECT_EQ(explain(made.cells[1], made.cells[1].key_doc), "the same was measured");
  const auto nearest =
      nearest_document(made.cells[1].key_doc, {made.cells[0].key_doc, made.cells[2].key_doc});
  ASSERT_TRUE(nearest);
  EXPECT_EQ(*nearest, made.cells[2].key_doc);
  EXPECT_EQ(explain(made.cells[1], nearest), "method.params.sparsity differs: 0.3, stored 0.5");
  Json older = made.cells[1].key_doc;
  older["method"]["source"] = std::string(64, 'a');
  EXPECT_EQ(explain(made.cells[1], older),
            "method.source differs: source-of-wanda, stored aaaaaaaaaaaa");
  EXPECT_THAT(explain(made.cells[1], made.cells[0].key_doc), HasSubstr("; ..."));
  EXPECT_FALSE(nearest_document(made.cells[1].key_doc, {}));
}

}  // namespace
}  // namespace assay
