#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/claims/claims_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class JudgeClaims : public testing::Test {
 protected:
  ClaimJudgement judge(const std::string& id, const std::vector<Measured>& measured) {
    for (const ClaimOf& of : find_claims(claims_, "small")) {
      if (of.claim->id == id) return judge_claims(claims_, {of}, measured, methods_).front();
    }
    throw std::logic_error("no claim " + id);
  }
  ClaimVerdict verdict(const std::string& id, const std::vector<Measured>& measured) {
    return judge(id, measured).verdict;
  }
  std::vector<std::string> codes(const std::string& id, const std::vector<Measured>& measured) {
    std::vector<std::string> found;
    for (const ClaimReason& reason : judge(id, measured).reasons) found.push_back(reason.code);
    return found;
  }
  /// Dense with this perplexity is the twin of all that follows.
  static Measured with_dense(Measured measured, double dense) {
    measured.row.twin_value = dense;
    return measured;
  }

  ClaimsShare share_;
  ClaimSet claims_ = share_.claims();
  MethodKnowledge methods_ = known_methods();
};

constexpr auto kYes = ClaimVerdict::kReproduced;
constexpr auto kNo = ClaimVerdict::kNotReproduced;

TEST_F(JudgeClaims, TheEdgeOfATolerance) {
  Measured dense = measured_dense();
  for (const auto& [value, expected] : std::vector<std::pair<double, ClaimVerdict>>{
           {5.12, kYes}, {5.13, kYes}, {5.11, kYes}, {5.1301, kNo}, {5.1099, kNo}}) {
    dense.row.value = value;
    EXPECT_EQ(verdict("dense", {dense}), expected) << value;
  }
  EXPECT_EQ(verdict("wanda50", {measured_wanda(6.47)}), kYes);
  EXPECT_EQ(verdict("wanda50", {measured_wanda(6.37)}), kYes);
  EXPECT_EQ(verdict("wanda50", {measured_wanda(6.471)}), kNo);
  EXPECT_EQ(codes("wanda50", {measured_wanda(6.471)}), std::vector<std::string>{"differs"});
}

TEST_F(JudgeClaims, ToleranceDependsOnMethodPatternSparsityAndSeed) {
  Measured other_seed = measured_wanda(6.56);
  EXPECT_EQ(verdict("wanda50", {other_seed}), kNo);
  other_seed.row.seed = 1;
  EXPECT_EQ(verdict("wanda50", {other_seed}), kYes) << "0.15 with another seed";
  other_seed.row.value = 6.58;
  EXPECT_EQ(verdict("wanda50", {other_seed}), kNo);
  Measured pattern = measured_wanda(11.32);
  pattern.params["pattern"] = "2:4";
  EXPECT_EQ(verdict("wanda24", {pattern}), kYes);
  pattern.row.value = 11.33;
  EXPECT_EQ(verdict("wanda24", {pattern}), kNo);
  Measured at70 = measured_wanda(50.9);
  at70.params["sparsity"] = 0.7;
  EXPECT_EQ(verdict("wanda70", {at70}), kYes) << "2 %, where no band is known";
  at70.row.value = 51.1;
  EXPECT_EQ(verdict("wanda70", {at70}), kNo);
  Measured magnitude = measured_wanda(15.03);
  magnitude.row.method = "magnitude";
  magnitude.params.erase("scope");
  magnitude.calibration = nullptr;
  EXPECT_EQ(verdict("magnitude50", {magnitude}), kYes) << "1 %";
  magnitude.row.value = 15.05;
  EXPECT_EQ(verdict("magnitude50", {magnitude}), kNo);
}

TEST_F(JudgeClaims, BoundsAndRanges) {
  EXPECT_EQ(verdict("below", {measured_wanda(6.49)}), kYes);
  EXPECT_EQ(verdict("below", {measured_wanda(6.5)}), kNo) << "a bound has no tolerance";
  EXPECT_EQ(verdict("above", {measured_wanda(6.51)}), kYes);
  EXPECT_EQ(verdict("above", {measured_wanda(6.5)}), kNo);
  EXPECT_EQ(verdict("range", {measured_wanda(6.45)}), kYes);
  EXPECT_EQ(verdict("range", {measured_wanda(6.35)}), kYes) << "0.05 beside the lower end";
  EXPECT_EQ(verdict("range", {measured_wanda(6.55)}), kYes);
  EXPECT_EQ(verdict("range", {measured_wanda(6.34)}), kNo);
  EXPECT_EQ(verdict("range", {measured_wanda(6.56)}), kNo);
}

TEST_F(JudgeClaims, TheDenseModelMustComeOutFirst) {
  EXPECT_THAT(codes("wanda50", {with_dense(measured_wanda(6.42), 5.47)}),
              ElementsAre("dense_differs"));
  EXPECT_THAT(judge("wanda50", {with_dense(measured_wanda(6.42), 5.47)}).reasons.front().text,
              HasSubstr("5.47 here, 5.12 published: dense"));
  EXPECT_EQ(verdict("wanda50", {with_dense(measured_wanda(6.42), 5.13)}), kYes);
  Measured alone = measured_wanda(6.42);
  alone.row.twin_value.reset();
  EXPECT_THAT(codes("wanda50", {alone}), ElementsAre("dense_not_measured"));
}

TEST_F(JudgeClaims, WhatNoMeasurementCanChange) {
  const std::vector<Measured> good = {measured_wanda(6.42), measured_dense()};
  EXPECT_THAT(codes("ours", good), testing::Contains("method_absent"));
  EXPECT_THAT(codes("vague", good), testing::Contains("setting_unknown"));
  EXPECT_THAT(codes("words", good), ElementsAre("informational"));
  EXPECT_THAT(codes("upto", good), ElementsAre("informational"));
  EXPECT_THAT(codes("empty", good), ElementsAre("no_value"));
  EXPECT_THAT(codes("recalled", good), ElementsAre("not_a_claim"));
  EXPECT_THAT(codes("cola", good), ElementsAre("other_convention"));
  EXPECT_THAT(codes("odd", good), ElementsAre("other_convention"));
  EXPECT_THAT(codes("rte", {}), ElementsAre("other_data"));
  EXPECT_THAT(codes("piqa5", {}), ElementsAre("other_convention"));
  EXPECT_THAT(codes("fast.other", {}), ElementsAre("baseline_differs"));
  EXPECT_THAT(codes("fast.where", {}), ElementsAre("device_not_stated"));
  EXPECT_THAT(codes("fast.stack", {}), ElementsAre("other_stack"));
  EXPECT_THAT(codes("fast.offload", {}), ElementsAre("offload"));
  EXPECT_THAT(codes("slow", {}), ElementsAre("absolute_time"));
  EXPECT_THAT(codes("size.ffn", {}), ElementsAre("other_convention"));
  EXPECT_THAT(codes("wanda50", {}), ElementsAre("nothing_measured"));
}

TEST_F(JudgeClaims, EachDifferenceOfAScoreIsNamed) {
  const auto changed = [&](auto change) {
    Measured measured = measured_wanda(6.42);
    change(measured);
    return codes("wanda50", {measured});
  };
  EXPECT_THAT(changed([](Measured&) {}), ElementsAre("agrees"));
  EXPECT_THAT(changed([](Measured& m) { m.row.model = "llama-2-13b"; }),
              ElementsAre("other_model"));
  EXPECT_THAT(changed([](Measured& m) { m.row.suite = "news-ppl"; }), ElementsAre("other_data"));
  EXPECT_THAT(changed([](Measured& m) { m.data_notes = {"corpus=wikitext2_stripped"}; }),
              ElementsAre("other_data"));
  EXPECT_THAT(changed([](Measured& m) { m.suite_params["window"] = 2048; }),
              ElementsAre("other_convention"));
  EXPECT_THAT(changed([](Measured& m) { m.row.limited = true; }), ElementsAre("limited_run"));
  EXPECT_THAT(changed([](Measured& m) { m.row.random_weights = true; }),
              ElementsAre("random_weights"));
  EXPECT_THAT(changed([](Measured& m) { m.params["sparsity"] = 0.6; }),
              ElementsAre("other_setting"));
  EXPECT_THAT(changed([](Measured& m) { m.params["scope"] = "matrix"; }),
              ElementsAre("other_setting"))
      << "what the claim leaves out is at its default";
  EXPECT_THAT(changed([](Measured& m) { m.calibration["dataset"] = "news"; }),
              ElementsAre("other_calibration"));
  EXPECT_THAT(changed([](Measured& m) { m.calibration["samples"] = 16; }),
              ElementsAre("other_calibration"));
  EXPECT_THAT(changed([](Measured& m) { m.row.method = "magnitude"; }),
              ElementsAre("other_method"));
  EXPECT_THAT(changed([](Measured& m) {
                m.row.status = "OOM";
                m.row.metric = "";
                m.row.value.reset();
              }),
              ElementsAre("failed_here"));
  EXPECT_THAT(codes("randomly", {measured_wanda(6.42)}), ElementsAre("random_weights"));
}

TEST_F(JudgeClaims, SeveralDifferencesAreAllNamed) {
  Measured measured = measured_wanda(60);
  measured.row.model = "smollm2-135m";
  measured.row.limited = true;
  measured.suite_params["window"] = 512;
  const ClaimJudgement judgement = judge("wanda50", {measured});
  EXPECT_THAT(codes("wanda50", {measured}),
              ElementsAre("other_model", "other_convention", "limited_run"));
  EXPECT_EQ(judgement.here, 60);
  EXPECT_THAT(judgement.reasons[1].text, HasSubstr("gptq@4096, here gptq@512"));
}

TEST_F(JudgeClaims, TheNearestMeasurementSpeaks) {
  Measured far = measured_wanda(60);
  far.row.model = "smollm2-135m";
  Measured limited = measured_wanda(7);
  limited.row.limited = true;
  const Measured right = measured_wanda(6.42);
  EXPECT_EQ(judge("wanda50", {far, limited}).here, 7);
  EXPECT_EQ(judge("wanda50", {far, limited, right}).verdict, kYes);
  Measured seed1 = measured_wanda(6.9);
  seed1.row.seed = 1;
  EXPECT_EQ(judge("wanda50", {seed1, right}).here, 6.42) << "the lowest seed of equals";
  EXPECT_THAT(codes("wanda50", {measured_dense()}), ElementsAre("nothing_measured"))
      << "the dense model is no stand-in for a compressed one";
}

TEST_F(JudgeClaims, AnotherMethodIsNearOnlyAtTheSameSetting) {
  Measured at70 = measured_wanda(90);
  at70.params["sparsity"] = 0.7;
  const std::vector<Measured> wandas = {at70, measured_wanda(6.42)};
  EXPECT_EQ(judge("magnitude50", wandas).here, 6.42);
  EXPECT_THAT(codes("magnitude50", wandas), ElementsAre("other_method"));
  EXPECT_THAT(codes("magnitude50", {at70}), ElementsAre("other_method", "other_setting"));
  EXPECT_FALSE(judge("ours", wandas).nearest) << "a setting that nobody can set is near nothing";
}

TEST_F(JudgeClaims, PercentAndFractionAreTheSameShare) {
  Measured piqa = measured_dense();
  piqa.row.suite = "piqa";
  piqa.row.metric = "acc";
  piqa.row.direction = 1;
  piqa.row.convention = "lm-evaluation-harness 0.4.13, all";
  piqa.row.value = piqa.row.twin_value = 0.787;
  EXPECT_EQ(verdict("piqa", {piqa}), kYes) << "0.6 points";
  EXPECT_EQ(verdict("piqa.part", {piqa}), kYes);
  EXPECT_NEAR(*judge("piqa", {piqa}).here, 78.7, 1e-9);
  EXPECT_NEAR(*judge("piqa", {piqa}).band, 0.6, 1e-9);
  EXPECT_NEAR(*judge("piqa.part", {piqa}).here, 0.787, 1e-12);
  piqa.row.value = 0.7871;
  EXPECT_EQ(verdict("piqa", {piqa}), kNo);
  EXPECT_EQ(verdict("piqa.part", {piqa}), kNo);
  Measured pruned = piqa;
  pruned.row.method = "magnitude";
  pruned.params = {{"sparsity", 0.5}, {"pattern", "unstructured"}};
  pruned.row.value = 0.7;
  pruned.row.twin_value = 0.78;
  EXPECT_EQ(verdict("piqa.magnitude", {pruned}), kYes);
  pruned.row.twin_value = 0.76;
  EXPECT_THAT(codes("piqa.magnitude", {pruned}), ElementsAre("dense_differs"));
}

TEST_F(JudgeClaims, RatiosAreComparedWithRatios) {
  EXPECT_EQ(verdict("fast", {measured_time(1 / 1.24)}), kYes);
  EXPECT_EQ(verdict("fast.base", {measured_time(1 / 1.24)}), kYes) << "a row of the dense model";
  EXPECT_NEAR(*judge("fast", {measured_time(0.8)}).here, 1.25, 1e-12) << "a time of 0.8: 1.25x";
  EXPECT_EQ(verdict("fast", {measured_time(1 / 1.36)}), kYes) << "10 %";
  EXPECT_EQ(verdict("fast", {measured_time(1 / 1.37)}), kNo);
  EXPECT_EQ(verdict("fast", {measured_time(1.1)}), kNo);
  Measured rate = measured_time(1.24);
  rate.row.direction = 1;
  EXPECT_NEAR(*judge("fast", {rate}).here, 1.24, 1e-12) << "tokens/s grow";
}

TEST_F(JudgeClaims, EachDifferenceOfATimeIsNamed) {
  const auto changed = [&](const std::string& id, auto change) {
    Measured measured = measured_time(1 / 1.24);
    change(measured);
    return codes(id, {measured});
  };
  EXPECT_THAT(changed("fast", [](Measured& m) { m.device = "cpu"; }), ElementsAre("other_device"));
  EXPECT_THAT(changed("fast", [](Measured& m) { m.suite_params["batch"] = 8; }),
              ElementsAre("other_batch"));
  EXPECT_THAT(changed("fast", [](Measured& m) { m.row.ratio.reset(); }), ElementsAre("no_twin"));
  EXPECT_THAT(changed("fast", [](Measured& m) { m.row.random_weights = true; }),
              ElementsAre("random_weights"));
  EXPECT_THAT(changed("fast.random", [](Measured& m) { m.row.random_weights = true; }),
              ElementsAre("agrees"));
  EXPECT_THAT(changed("fast.random", [](Measured&) {}), ElementsAre("random_weights"));
  EXPECT_THAT(changed("fast.length", [](Measured&) {}), ElementsAre("other_length"));
}

TEST_F(JudgeClaims, AnAbsoluteTimeIsShownButNotCompared) {
  const ClaimJudgement judgement = judge("slow", {measured_time(1)});
  EXPECT_EQ(judgement.verdict, ClaimVerdict::kNotComparable);
  EXPECT_NEAR(*judgement.here, 30, 1e-9) << "milliseconds, as claimed";
}

TEST_F(JudgeClaims, AReductionIsOneMinusTheRatio) {
  Measured size = measured_time(0.57);
  size.row.metric = "model/params";
  size.row.ratio = 0.57;
  EXPECT_EQ(verdict("size", {size}), kYes) << "43.0 %, half a point allowed";
  size.row.ratio = 0.56;
  EXPECT_EQ(verdict("size", {size}), kNo);
}

TEST_F(JudgeClaims, SecondaryEvidenceNeverFails) {
  const ClaimJudgement good = judge("second", {measured_wanda(6.42)});
  EXPECT_EQ(good.verdict, ClaimVerdict::kNotComparable);
  EXPECT_THAT(good.reasons.front().text, HasSubstr("secondary); agrees"));
  const ClaimJudgement bad = judge("second", {measured_wanda(9)});
  EXPECT_EQ(bad.verdict, ClaimVerdict::kNotComparable);
  EXPECT_THAT(bad.reasons.front().text, HasSubstr("secondary); differs by 2.58"));
  EXPECT_THAT(codes("second", {}), ElementsAre("nothing_measured", "evidence_below_verified"));
}

TEST_F(JudgeClaims, NamesOfModels) {
  Measured llama3 = measured_dense();
  llama3.row.value = llama3.row.twin_value = 6;
  llama3.row.model = "/data/Meta-Llama-3-8B";
  EXPECT_EQ(verdict("alias", {llama3}), kYes);
  llama3.row.model = "llama_3_8b";
  EXPECT_EQ(verdict("alias", {llama3}), kYes);
  llama3.row.model = "llama-3.8b";
  EXPECT_EQ(verdict("alias", {llama3}), ClaimVerdict::kNotComparable);
  Paper paper;
  Claim claim;
  claim.model = "OPT-1.3B";
  EXPECT_TRUE(same_model(paper, claim, "opt-1.3b"));
  EXPECT_FALSE(same_model(paper, claim, "opt-13b")) << "a dot is not a separator";
}

TEST_F(JudgeClaims, ExitCodes) {
  const auto code = [&](const std::vector<Measured>& measured) {
    return exit_code_of(judge_claims(claims_, find_claims(claims_, "small"), measured, methods_));
  };
  EXPECT_EQ(code({}), ExitCode::kNotMeasured);
  EXPECT_EQ(code({measured_dense()}), ExitCode::kOk);
  EXPECT_EQ(code({measured_dense(), measured_wanda(9)}), ExitCode::kWorse);
  Measured wrong = measured_dense();
  wrong.row.value = 5.47;
  EXPECT_EQ(code({wrong}), ExitCode::kWorse) << "a verified dense value is a claim too";
  EXPECT_EQ(code({with_dense(measured_wanda(9), 5.47)}), ExitCode::kNotMeasured);
}

}  // namespace
}  // namespace assay
