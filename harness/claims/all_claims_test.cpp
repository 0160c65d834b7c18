// The published values that come with assay: all of them, against what was counted in the papers'
// tables, and each with a verdict or a reason.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "harness/claims/claims_fixture.h"
#include "harness/claims/render_claims.h"
#include "harness/store/store_fixture.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

ClaimSet real_claims() { return read_claims(source_dir()); }

std::vector<ClaimOf> every_claim(const ClaimSet& claims) {
  std::vector<ClaimOf> all;
  for (const Paper& paper : claims.papers) {
    for (const Claim& claim : paper.claims) all.push_back({&paper, &claim});
  }
  return all;
}

TEST(AllClaims, CountsByPaperAndGradeAreThoseOfTheTables) {
  Json counts = Json::object();
  const ClaimSet claims = real_claims();
  for (const ClaimOf& of : every_claim(claims)) {
    Json& count = counts[of.paper->name][grade_name(of.claim->grade)];
    count = count.is_null() ? 1 : count.get<int>() + 1;
  }
  EXPECT_EQ(counts, read_json_file(source_dir() / "tests/data/claims/counts.json"));
}

TEST(AllClaims, IdsAreUnique) {
  std::set<std::string> ids;
  const ClaimSet claims = real_claims();
  for (const ClaimOf& of : every_claim(claims)) {
    EXPECT_TRUE(ids.insert(of.claim->id).second) << of.claim->id;
  }
  EXPECT_EQ(ids.size(), 1190U);
}

/// Every claim of the set has a verdict, or reasons with words.
void expect_judged(const ClaimSet& claims, const std::vector<Measured>& measured) {
  const std::vector<ClaimOf> all = every_claim(claims);
  const auto judgements = judge_claims(claims, all, measured, known_methods());
  ASSERT_EQ(judgements.size(), all.size());
  for (const ClaimJudgement& judgement : judgements) {
    ASSERT_FALSE(judgement.reasons.empty()) << judgement.of.claim->id;
    for (const ClaimReason& reason : judgement.reasons) {
      EXPECT_FALSE(reason.code.empty() || reason.text.empty()) << judgement.of.claim->id;
    }
    if (judgement.verdict != ClaimVerdict::kNotComparable) {
      EXPECT_EQ(judgement.of.claim->grade, Grade::kVerified);
      EXPECT_TRUE(judgement.here) << judgement.of.claim->id;
    }
  }
}

TEST(AllClaims, AgainstAnEmptyDatabaseEachHasAReason) {
  const ClaimSet claims = real_claims();
  const TemporaryFolder folder;
  const Store store = Store::open(folder.path() / "empty.db");
  const std::vector<Measured> nothing = read_measured(store, "empty.db");
  EXPECT_TRUE(nothing.empty());
  expect_judged(claims, nothing);
  EXPECT_EQ(exit_code_of(judge_claims(claims, every_claim(claims), nothing, known_methods())),
            ExitCode::kNotMeasured);
}

/// A database with dense and Wanda at 50 % of one model, in the convention of Wanda's repository.
class SmallDatabase {
 public:
  SmallDatabase(double dense, double wanda, std::vector<WorkerReply::Event> events = {})
      : events_(std::move(events)), store_(Store::open(folder_.path() / "r.db")) {
    PlannedCell base = cell(0, "dense", R"({})", nullptr);
    base.twin_key = base.key;  // as the planner links it
    const PlannedCell pruned =
        cell(1, "magnitude", R"({"sparsity":0.5,"pattern":"unstructured"})", &base);
    const auto plan = store_.add_experiment("paper", {{"name", "paper"}}, 0, false, {base, pruned});
    run(plan, base, dense);
    run(plan, pruned, wanda);
  }
  [[nodiscard]] const Store& store() const { return store_; }

 private:
  static PlannedCell cell(int ordinal, const std::string& method, const std::string& params,
                          const PlannedCell* twin) {
    PlannedCell cell = make_cell(ordinal, method, "wikitext2-ppl", twin);
    cell.key_doc["profile"] = {{"fingerprint", {{"device", "cuda:0"}}}};
    cell.key_doc["suite"]["data"] = "d0";
    cell.key = json_hash(cell.key_doc);
    cell.params_json = params;
    cell.model_name = "llama-2-7b";
    cell.suite_params_json = R"({"window":4096,"limit":0})";
    return cell;
  }
  void run(std::int64_t plan, const PlannedCell& cell, double value) {
    const std::int64_t attempt = store_.begin_attempt(plan, cell.key, "s");
    WorkerReply reply = reply_with("token_ppl", value);
    reply.events = events_;
    store_.add_process(attempt, make_process("score"), reply,
                       {{"token_ppl", "", -1, "gptq@{window}: windows", "perplexity"}});
    store_.finish_attempt(attempt, {Outcome::kOk, "", ""});
  }
  std::vector<WorkerReply::Event> events_;
  TemporaryFolder folder_;
  Store store_;
};

TEST(AllClaims, AgainstASmallDatabaseEachHasAVerdictOrAReason) {
  const SmallDatabase database(5.12, 14.95);
  const std::vector<Measured> measured = read_measured(database.store(), "r.db");
  ASSERT_EQ(measured.size(), 2U);
  EXPECT_EQ(measured[0].device, "cuda");
  const ClaimSet claims = real_claims();
  expect_judged(claims, measured);
  const auto judgements =
      judge_claims(claims, find_claims(claims, "wanda"), measured, known_methods());
  std::map<std::string, ClaimVerdict> verdicts;
  for (const ClaimJudgement& one : judgements) verdicts[one.of.claim->id] = one.verdict;
  EXPECT_EQ(verdicts.at("wanda.l2-7b.dense"), ClaimVerdict::kReproduced);
  EXPECT_EQ(verdicts.at("wanda.l2-7b.unstr50.magnitude"), ClaimVerdict::kReproduced);
  EXPECT_EQ(verdicts.at("wanda.l2-13b.dense"), ClaimVerdict::kNotComparable);
  EXPECT_EQ(exit_code_of(judgements), ExitCode::kOk);
}

/// The remarks stand in the database, so the machine that measured need not be this one.
TEST(AllClaims, DataThatAreNotThePublishedOnesAreNamed) {
  const SmallDatabase database(5.12, 14.95, {{"warning", "data_stripped", "lines are missing"}});
  const std::vector<Measured> measured = read_measured(database.store(), "r.db");
  ASSERT_EQ(measured.size(), 2U);
  EXPECT_EQ(measured[0].data_notes, std::vector<std::string>{"lines are missing"});
  const ClaimSet claims = real_claims();
  const auto judgements =
      judge_claims(claims, find_claims(claims, "wanda"), measured, known_methods());
  EXPECT_EQ(exit_code_of(judgements), ExitCode::kNotMeasured);
  EXPECT_EQ(judgements.front().reasons.front().code, "other_data");
}

TEST(AllClaims, RemarksThatAreNotAboutDataLeaveClaimsComparable) {
  const SmallDatabase database(5.12, 14.95, {{"warning", "items_cut_context", "1 of 2"}});
  for (const Measured& one : read_measured(database.store(), "r.db")) {
    EXPECT_TRUE(one.data_notes.empty());
  }
}

TEST(AllClaims, AWrongDenseValueFailsAndNothingElseDoes) {
  const SmallDatabase database(5.47, 99);
  const ClaimSet claims = real_claims();
  const auto judgements = judge_claims(claims, find_claims(claims, "wanda"),
                                       read_measured(database.store(), "r.db"), known_methods());
  EXPECT_EQ(exit_code_of(judgements), ExitCode::kWorse);
  for (const ClaimJudgement& one : judgements) {
    const bool dense = one.of.claim->id == "wanda.l2-7b.dense";
    EXPECT_EQ(one.verdict, dense ? ClaimVerdict::kNotReproduced : ClaimVerdict::kNotComparable)
        << one.of.claim->id;
    if (one.of.claim->id == "wanda.l2-7b.unstr50.magnitude") {
      EXPECT_EQ(one.reasons.front().code, "dense_differs");
    }
  }
}

TEST(AllClaims, WhatIsOnlyRecalledIsKeptAndNotShown) {
  const ClaimSet claims = real_claims();
  Reproduction reproduction;
  reproduction.name = "wanda";
  reproduction.judgements = judge_claims(claims, find_claims(claims, "wanda"), {}, known_methods());
  const Json few = claims_json(reproduction, ExitCode::kNotMeasured);
  EXPECT_EQ(few.at("claims").size(), 75U);
  EXPECT_EQ(few.at("not_shown"), (Json{{"recalled", 56}}));
  reproduction.all = true;
  const Json all = claims_json(reproduction, ExitCode::kNotMeasured);
  EXPECT_EQ(all.at("claims").size(), 131U);
  for (const Json& claim : all.at("claims")) {
    if (claim.at("evidence") == "recalled") {
      EXPECT_EQ(claim.at("reasons").at(0).at("code"), "not_a_claim");
    }
  }
}

}  // namespace
}  // namespace assay
