// What is picked of a search, by size and by the clock.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/cell_errors.h"
#include "methods/nas/nas_fixture.h"

namespace assay::nas {
namespace {

/// Picks among three networks that differ in depth and neurons: the smaller, the worse.
class NasPick : public Nas {
 protected:
  [[nodiscard]] Json searched_networks() const {
    const LayerShape& shape = model_.spec().layer(0);
    const auto evaluation = [&](std::int64_t depth, std::int64_t neurons, double quality,
                                double cost) {
      return Json{{"values", {depth, shape.kv_heads, neurons, model_.spec().width}},
                  {"fidelity", 1},
                  {"quality", quality},
                  {"cost", cost}};
    };
    const std::int64_t all = shape.ffn_width, half = all / 2;
    return {{"evaluations",
             {evaluation(2, all, 1.0, 1.0), evaluation(2, half, 2.0, 0.7),
              evaluation(1, half, 3.0, 0.4)}},
            {"front", {2, 1, 0}},
            {"floor", 0.3}};
  }

  /// Quality of what is picked.
  double picked(const Json& given, const Json& timed = Json::array()) {
    RecordingContext context(context_.calibration(), 3, {});
    const Params chosen = params(given);
    StageContext staged(context, {{kSort, sort_units(model_, context, chosen)},
                                  {kSuper, {}},
                                  {kSearch, {.plan = searched_networks(), .tensors = {}}},
                                  {kFront, {.plan = {{"front", timed}}, .tensors = {}}}});
    static_cast<void>(pick_network(model_, staged, chosen));
    return context.metrics.at("pick/quality");
  }
};

TEST_F(NasPick, PointsOfTheFrontCountFromTheSmallest) {
  ASSERT_EQ(model_.layer_count(), 2);
  EXPECT_EQ(picked({{"front_point", 1}}), 3);
  EXPECT_EQ(picked({{"front_point", 2}}), 2);
  EXPECT_EQ(picked({{"front_point", 3}}), 1);
  EXPECT_THAT(
      [&] {
        static_cast<void>(picked({{"front_point", 4}}));
      },
      testing::ThrowsMessage<DoesNotApply>(testing::HasSubstr("has 3 networks")));
  expect_unmet({{"front_point", 1}, {"target", 0.5}}, "set one of them");
}

/// By the clock where there is one: what was predicted to be fast enough and is not, is not picked.
TEST_F(NasPick, ATargetOfTimeIsHeldToTheClock) {
  const auto timed = [](double one, double two, double three) {
    return Json{{{"evaluation", 2}, {"timed", one}},
                {{"evaluation", 1}, {"timed", two}},
                {{"evaluation", 0}, {"timed", three}}};
  };
  EXPECT_EQ(picked({{"target", 0.75}}), 2);
  const Json by_time = {{"target", 0.75}, {"cost", "latency"}};
  EXPECT_EQ(picked(by_time, timed(0.4, 0.7, 1)), 2);
  EXPECT_EQ(picked(by_time, timed(0.4, 0.8, 1)), 3);
  EXPECT_EQ(picked(by_time, timed(0.4, 0.7, 0.75)), 1);
  EXPECT_THAT([&] { static_cast<void>(picked(by_time, timed(0.8, 0.9, 1))); },
              testing::ThrowsMessage<DoesNotApply>(testing::HasSubstr("0.8000 of the size")));
}

/// Sizes are times: those of the model of them, or of the clock. Only what does not depend on the
/// hour is held to anything.
TEST_F(Nas, SearchesByTime) {
  for (const char* by : {"model", "clock"}) {
    RecordingContext context(context_.calibration(), 3, {});
    context.text_for_training = &text_;
    const Json given = {{"cost", "latency"},    {"latency_by", by}, {"latency_networks", 4},
                        {"latency_tokens", 8},  {"evaluations", 6}, {"steps", 4},
                        {"searcher", "random"}, {"front_point", 1}};
    const Artefact artefact = method().fit(model_, context, params(given));
    const auto& told = context.metrics;
    EXPECT_LE(told.at("latency/networks"), 4);
    EXPECT_GT(told.at("latency/networks"), 1);
    EXPECT_GE(told.at("latency/error"), 0);
    double errors = 0;
    int points = 0;
    for (int n = 1; n <= told.at("search/evaluations"); ++n) {
      const auto timed = told.find(fmt::format("front/timed/evaluation.{}", n));
      if (timed == told.end()) continue;
      ++points;
      EXPECT_LE(told.at(fmt::format("front/timed_lo/evaluation.{}", n)), timed->second);
      EXPECT_GE(told.at(fmt::format("front/timed_hi/evaluation.{}", n)), timed->second);
      const double predicted = told.at(fmt::format("front/predicted/evaluation.{}", n));
      errors += std::abs(predicted / timed->second - 1);
      const double cost = told.at(fmt::format("search/cost/evaluation.{}", n));
      if (by == std::string("model")) {
        EXPECT_EQ(cost, predicted);
      }
    }
    EXPECT_EQ(points, told.at("search/front"));
    EXPECT_NEAR(told.at("front/error"), errors / points, 1e-12);
    Model small = model_.clone();
    method().apply(small, artefact);
    EXPECT_EQ(static_cast<double>(small.cost().params), told.at("pick/parameters"));
  }
}

}  // namespace
}  // namespace assay::nas
