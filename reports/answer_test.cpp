// What a report says first, against tables whose verdicts can be read off.

#include "reports/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "reports/front_verdicts.h"
#include "reports/report_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

/// One method's size, perplexity and speed; dense has 100 bytes, 20 and 10 tokens/s.
struct Method {
  std::string name, params;
  double bytes, ppl, speed;
  double ppl_half = 0.1, speed_half = 0.1;
};

ResultRow varying(const Method& method, const std::string& suite, const std::string& metric,
                  double value, double half, double twin, int direction) {
  const bool dense = method.name == "dense";
  return with_interval(
      with_meaning(row(method.name, method.params, suite, metric, value, dense ? 0 : twin), "",
                   direction),
      value - half, value + half);
}

void add(std::vector<ResultRow>& rows, const Method& method) {
  ResultRow bytes = with_meaning(row(method.name, method.params, "news-ppl", "model/resident_bytes",
                                     method.bytes, method.name == "dense" ? 0 : 100),
                                 "B", -1);
  bytes.basis = Basis::kExact;
  rows.push_back(bytes);
  rows.push_back(varying(method, "news-ppl", "token_ppl", method.ppl, method.ppl_half, 20, -1));
  rows.push_back(
      varying(method, "decode", "decode/tokens_per_s", method.speed, method.speed_half, 10, 1));
}

const std::vector<Method> kMethods = {{"dense", "{}", 100, 20, 10},
                                      {"quantize", R"({"bits":8})", 50, 20.05, 18},
                                      {"quantize", R"({"bits":4})", 25, 25, 20},
                                      {"wanda", "{}", 100, 30, 10.05}};

ExperimentResults results_of(const std::vector<Method>& methods) {
  ExperimentResults results;
  results.name = "pruning";
  for (const Method& method : methods) add(results.rows, method);
  return results;
}

std::vector<std::string> said(const ExperimentResults& results) {
  return make_document(results).answer.text;
}

TEST(Answer, NamesTheFrontsAndWhatCouldNotBeTold) {
  EXPECT_THAT(
      said(results_of(kMethods)),
      ElementsAre(
          "Best news-ppl perplexity at its size: quantize bits=4 (weights 0.25x; perplexity "
          "1.25x) and quantize bits=8 (weights 0.50x; perplexity 1.00x, not told apart from "
          "dense).",
          "Fastest (decode speed) at its news-ppl perplexity: quantize bits=4 (speed 2.00x; "
          "perplexity 1.25x) and quantize bits=8 (speed 1.80x; perplexity 1.00x, not told "
          "apart from dense).",
          "Not told apart: dense from quantize bits=8 in news-ppl perplexity; wanda from "
          "dense in decode speed."));
}

TEST(Answer, AMethodThatCannotBeToldApartFromARivalIsNotNamed) {
  std::vector<Method> methods = kMethods;
  methods.push_back({"ria", "{}", 25, 26, 20});
  EXPECT_THAT(said(results_of(methods))[0], HasSubstr("quantize bits=4 (weights"));
  methods.back().ppl_half = 2;
  const auto sentences = said(results_of(methods));
  EXPECT_THAT(sentences[0], Not(HasSubstr("quantize bits=4")));
  EXPECT_THAT(sentences[0], HasSubstr("quantize bits=8"));
  EXPECT_THAT(sentences[2], HasSubstr("quantize bits=4 from ria in news-ppl perplexity"));
}

TEST(Answer, WhereNothingIsOpenNothingIsSaidOfIt) {
  std::vector<Method> methods = kMethods;
  methods[1].ppl = 21;
  methods[3].speed = 11;
  const auto sentences = said(results_of(methods));
  ASSERT_THAT(sentences, SizeIs(2));
  EXPECT_THAT(sentences[0], HasSubstr(", quantize bits=8 (weights 0.50x; perplexity 1.05x) and "
                                      "dense (weights 100.0 B; perplexity 20.00)."));
}

/// Behind another one by its values, and not surely: it may be on the front, too.
TEST(Answer, WhatIsBeatenInDoubtIsNamed) {
  std::vector<Method> methods = kMethods;
  methods[1].ppl = 21;
  methods[3].speed = 11;
  methods.push_back({"ria", "{}", 60, 22, 12});
  EXPECT_THAT(said(results_of(methods)), SizeIs(2)) << "surely larger, worse and slower";
  methods.back() = {"ria", "{}", 60, 21.1, 17.9, 0.2, 0.3};
  const auto sentences = said(results_of(methods));
  ASSERT_THAT(sentences, SizeIs(3));
  EXPECT_THAT(sentences[2], HasSubstr("ria from quantize bits=8 in news-ppl perplexity"));
}

TEST(Answer, NothingIsClaimedWhereNothingCouldBeTold) {
  const std::vector<Method> methods = {{"dense", "{}", 100, 20, 10, 9, 9},
                                       {"wanda", "{}", 100, 21, 11, 9, 9}};
  const auto sentences = said(results_of(methods));
  ASSERT_THAT(sentences, SizeIs(3));
  EXPECT_THAT(sentences[0], HasSubstr("none could be told"));
  EXPECT_THAT(sentences[1], HasSubstr("none could be told"));
}

TEST(Answer, NamesWhatHasNoValue) {
  ExperimentResults results = results_of(kMethods);
  results.rows.push_back(failed("ria", "{}", "news-ppl", "OOM", "limit"));
  results.rows.push_back(failed("ria", "{}", "decode", "OOM", "limit"));
  EXPECT_THAT(said(results).back(), HasSubstr(" Without a value: ria (OOM)."));
}

TEST(Answer, OfRandomWeightsTellsTheFastest) {
  ExperimentResults results = results_of(kMethods);
  for (ResultRow& one : results.rows) one.random_weights = true;
  EXPECT_THAT(said(results)[0],
              "Fastest of the methods (decode speed): quantize bits=4 (speed 2.00x).");
  results.rows.back().value = 20.05;
  results.rows.back().ratio = 2.005;
  results.rows.back().lo = 19.9;
  results.rows.back().hi = 20.2;
  EXPECT_THAT(said(results)[0],
              "Fastest of the methods (decode speed), or not told apart from the fastest: quantize "
              "bits=4 (speed "
              "2.00x) and wanda (speed 2.00x).");
}

TEST(Answer, OneResultCarriesNoSentence) {
  EXPECT_THAT(said(one_row()), IsEmpty());
  EXPECT_THAT(said(all_failed()), IsEmpty());
}

TEST(Answer, SpeaksOfTheFirstSeedAndOfEachModel) {
  ExperimentResults results = results_of(kMethods);
  ExperimentResults other = results;
  for (ResultRow& one : other.rows) one.seed = 1;
  results.rows.insert(results.rows.end(), other.rows.begin(), other.rows.end());
  EXPECT_THAT(said(results)[0], testing::StartsWith("seed 0 of 2 seeds: Best"));
  other = results_of(kMethods);
  for (ResultRow& one : other.rows) one.model = "another";
  results = results_of(kMethods);
  results.rows.insert(results.rows.end(), other.rows.begin(), other.rows.end());
  const auto sentences = said(results);
  EXPECT_THAT(sentences, SizeIs(6));
  EXPECT_THAT(sentences[3], testing::StartsWith("another, profile cpu: Best"));
}

TEST(Answer, MarksWhatIsSaidBesideTheValues) {
  ExperimentResults results = results_of(kMethods);
  Remark remark;
  remark.cell_key = "quantizedecode";
  remark.code = "machine_quota";
  remark.text = "cut";
  results.remarks.push_back(remark);
  const Document document = make_document(results);
  EXPECT_THAT(document.answer.text[1], HasSubstr("quantize bits=4[1] ("));
  EXPECT_THAT(document.notes, SizeIs(1));
}

TEST(Answer, StandsBeforeTheTables) {
  for (const char* format : {"terminal", "md", "html"}) {
    const std::string text = render(results_of(kMethods), format);
    const std::size_t first = text.find("perplexity at its size");
    ASSERT_NE(first, std::string::npos) << format;
    EXPECT_LT(first, text.find(format == std::string("html") ? "<table" : "profile cpu")) << format;
  }
  const Json json = Json::parse(render(results_of(kMethods), "json"));
  EXPECT_THAT(json.at("experiments").at(0).at("answer"), SizeIs(3));
}

TEST(Answer, ItsPicturesAreNotShownTwice) {
  const Document document = document_of(results_of(kMethods));
  ASSERT_THAT(document.answer.plots, SizeIs(2));
  EXPECT_EQ(find(document, "accuracy-speed"), nullptr);
  EXPECT_EQ(find(document, "accuracy-size"), nullptr);
}

/// By the definition, on intervals alone.
bool surely_worse(const ResultRow& a, const ResultRow& b) {
  return a.direction > 0 ? *a.hi < *b.lo : *a.lo > *b.hi;
}

TEST(FrontVerdicts, AreWhatTheDefinitionSays) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> value(1, 10), half(0, 2);
  for (int round = 0; round < 200; ++round) {
    std::vector<ResultRow> qualities, speeds;
    for (int i = 0; i < 8; ++i) {
      const double q = value(random), s = value(random), dq = half(random), ds = half(random);
      qualities.push_back(
          with_interval(with_meaning(row("m", "{}", "s", "q", q, 0), "", -1), q - dq, q + dq));
      speeds.push_back(
          with_interval(with_meaning(row("m", "{}", "s", "v", s, 0), "", 1), s - ds, s + ds));
    }
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < 8; ++i) candidates.push_back({nullptr, &qualities[i], &speeds[i]});
    const auto verdicts = front_verdicts(candidates, {});
    const auto beats = [&](std::size_t j, std::size_t i) {
      return qualities[j].value < qualities[i].value && speeds[j].value > speeds[i].value;
    };
    const auto on_front = [&](std::size_t i) {
      for (std::size_t j = 0; j < 8; ++j) {
        if (beats(j, i)) return false;
      }
      return true;
    };
    for (std::size_t i = 0; i < 8; ++i) {
      bool sure = true, beaten = false;
      for (std::size_t j = 0; j < 8; ++j) {
        if (i == j) continue;
        const bool worse = surely_worse(qualities[i], qualities[j]);
        const bool slower = surely_worse(speeds[i], speeds[j]);
        beaten = beaten || (on_front(j) && worse && slower);
        sure = sure &&
               (surely_worse(qualities[j], qualities[i]) || surely_worse(speeds[j], speeds[i]));
      }
      const Standing decided = on_front(i) ? Standing::kOnFront : Standing::kBeaten;
      const Standing expected = (on_front(i) ? sure : beaten) ? decided : Standing::kUndecided;
      EXPECT_EQ(verdicts[i].standing, expected) << round << " " << i;
      EXPECT_EQ(verdicts[i].doubt.has_value(), expected == Standing::kUndecided);
    }
  }
}

/// Pairs of one level each that differ by a hair at 95 %: with one rival told apart, with a dozen
/// not, because all comparisons of a candidate share the level.
TEST(FrontVerdicts, ComparisonsShareTheirLevel) {
  const auto verdict_among = [](std::size_t rivals) {
    std::vector<CellRecord> cells;
    std::vector<ResultRow> speeds, sizes;
    for (std::size_t method = 0; method <= rivals; ++method) {
      CellRecord cell;
      cell.status = "OK";
      cell.session = "one";
      cell.cell_key = "m" + std::to_string(method);
      MetricRecord metric;
      metric.def = {"decode/tokens_per_s", "", 1, "", ""};
      // Six differences of mean 1 and standard error 0.4: t = 2.5, p = 0.027 on one side.
      for (int i = 0; i < 6; ++i) {
        const double noise = method == 0 ? 0 : (i % 2 == 0 ? 0.894 : -0.894);
        metric.processes.push_back({i, {std::exp((method == 0 ? 1.0 : 0.0) + noise)}});
      }
      metric.summary.value = method == 0 ? std::exp(1.0) : 1.0;
      cell.metrics = {metric};
      cells.push_back(cell);
      ResultRow speed = with_meaning(
          row("m", "{}", "decode", "decode/tokens_per_s", *cell.metrics[0].summary.value, 0), "",
          1);
      speed = with_interval(speed, *speed.value / 5, *speed.value * 5);
      speed.cell_key = cell.cell_key;
      speeds.push_back(speed);
      ResultRow size = with_meaning(row("m", "{}", "s", "model/resident_bytes", 100, 0), "B", -1);
      size.basis = Basis::kExact;
      sizes.push_back(size);
    }
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i <= rivals; ++i)
      candidates.push_back({nullptr, &speeds[i], &sizes[i]});
    return front_verdicts(candidates, Evidence(cells))[0].standing;
  };
  EXPECT_EQ(verdict_among(1), Standing::kOnFront);
  EXPECT_EQ(verdict_among(12), Standing::kUndecided);
}

}  // namespace
}  // namespace assay
