#include "harness/plan/plan.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/measure/machine_identity.h"
#include "harness/plan/plan_fixture.h"

namespace assay {
namespace {

using ::testing::HasSubstr;

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

TEST_F(PlanTest, AStageIsThereOnlyUnderItsSettings) {
  EXPECT_EQ(stages_of(plan("[[method]]\nid = \"clocked\"\n")),
            (std::map<std::string, int>{{"choice", 1}}));
  const Plan by_time = plan("[[method]]\nid = \"clocked\"\nby = \"time\"\n");
  EXPECT_EQ(stages_of(by_time), (std::map<std::string, int>{{"times", 1}, {"choice", 1}}));
  const auto jobs = by_time.jobs_for(by_time.cells.back().artefact_key);
  EXPECT_EQ(jobs.back()->inputs.at("times"), jobs.front()->key);
}

// What the clock says is of this machine under this profile; what follows from it has it as input.
TEST_F(PlanTest, AStageThatLooksAtTheClockIsOfItsMachineAndProfile) {
  const Plan by_time = plan("[[method]]\nid = \"clocked\"\nby = \"time\"\n");
  const auto jobs = by_time.jobs_for(by_time.cells.back().artefact_key);
  const FitJob &times = *jobs.front(), &choice = *jobs.back();
  EXPECT_TRUE(times.timed);
  EXPECT_EQ(times.key_doc.at("machine"), machine_identity().id);
  EXPECT_EQ(times.key_doc.at("profile").at("fingerprint"),
            share_.catalogue().profile(by_time.cells.back().profile).fingerprint());
  EXPECT_FALSE(choice.timed);
  EXPECT_FALSE(choice.key_doc.contains("machine"));
  EXPECT_FALSE(choice.key_doc.contains("profile"));
}

TEST_F(PlanTest, CalibrationItemsArePreparedAsSuitesOverThemAre) {
  const auto staged = [](const std::string& split, int samples, int tokens) {
    return fmt::format(
        "[[method]]\nid = \"staged\"\ncalibration = {{ dataset = \"piqa\", split = \"{}\", samples "
        "= {}, tokens = {} }}\n",
        split, samples, tokens);
  };
  const auto traces = [&](const Plan& plan) {
    return *plan.jobs_for(plan.cells.back().artefact_key).front();
  };
  const FitJob job = traces(plan(staged("train", 500, 64)));
  EXPECT_EQ(job.calibration_folder, "/prepared/piqa-train-as-piqa");
  EXPECT_EQ(job.sampling, "items");
  EXPECT_EQ(job.samples, 500);
  EXPECT_EQ(job.tokens, 64);
  EXPECT_EQ(job.key_doc.at("calibration"), (Json{{"data", "key-of-piqa-train-as-piqa"},
                                                 {"sampling", "items"},
                                                 {"samples", 500},
                                                 {"tokens", 64},
                                                 {"seed", 0}}));
  const std::set<std::string> keys{job.key, traces(plan(staged("validation", 500, 64))).key,
                                   traces(plan(staged("train", 499, 64))).key,
                                   traces(plan(staged("train", 500, 65))).key};
  EXPECT_EQ(keys.size(), 4U);
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

std::string tuned_on_news(const std::string& more) {
  return "[[method]]\nid = \"tuned\"\ntraining = { dataset = \"news\", split = \"calibration\"" +
         more + " }\n";
}

TEST_F(PlanTest, TrainingTextIsAskedForAndPartOfTheKey) {
  const Plan trained = plan(tuned_on_news(", samples = 8"));
  ASSERT_EQ(trained.fits.size(), 1U);
  const FitJob& job = trained.fits.begin()->second;
  EXPECT_EQ(job.training_folder, "/prepared/calibration");
  EXPECT_EQ(job.training_tokens, 256);
  EXPECT_EQ(job.key_doc.at("training"), (Json{{"dataset", "news"},
                                              {"split", "calibration"},
                                              {"samples", 8},
                                              {"tokens", 256},
                                              {"data", "key-of-news-calibration"}}));
  EXPECT_EQ(trained.cells.back().key_doc.at("training"), job.key_doc.at("training"));
  resolver_.traits["max_positions"] = 130;
  EXPECT_EQ(plan(tuned_on_news("")).fits.begin()->second.training_tokens, 130);
  resolver_.has_news = false;
  EXPECT_EQ(plan(tuned_on_news("")).cells.back().unmet->code, kDataAbsent);
}

TEST_F(PlanTest, WhatDecidesATrainingChangesItsKeyAndTheTimeBetweenCheckpointsDoesNot) {
  std::set<std::string> fits;
  for (const char* more : {"", ", samples = 8", ", samples = 9", ", tokens = 64"}) {
    fits.insert(plan(tuned_on_news(more)).fits.begin()->first);
  }
  EXPECT_EQ(fits.size(), 4U);
  const Plan usual = plan(tuned_on_news(""));
  const Plan often = plan(tuned_on_news("") + "[measure]\ncheckpoint_s = 5\n");
  EXPECT_EQ(keys_of(often), keys_of(usual));
  EXPECT_EQ(often.fits.begin()->first, usual.fits.begin()->first);
  const Plan written = plan(tuned_on_news(", tokens = 256"));
  EXPECT_EQ(written.fits.begin()->first, usual.fits.begin()->first) << "0 stands for it";
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
