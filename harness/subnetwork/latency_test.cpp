// How long networks take: the arithmetic with times that are known, and timing as far as it can be
// held to anything without looking at the clock.

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "harness/base/cell_errors.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/subnetwork/extract.h"
#include "harness/subnetwork/latency_model.h"
#include "harness/subnetwork/network_timer.h"
#include "harness/subnetwork/space.h"

namespace assay::subnetwork {
namespace {

ModelSpec of_shape(std::int64_t layers, std::int64_t groups, std::int64_t neurons) {
  ModelSpec spec;
  spec.layers = layers;
  spec.width = spec.embedding_width = 64;
  spec.shape = {.heads = 2 * groups, .kv_heads = groups, .head_dim = 8, .ffn_width = neurons};
  spec.vocab = 100;
  return spec;
}

const ModelSpec kWhole = of_shape(10, 4, 256);

/// 0.2 of a whole pass whatever is left, 0.3 for the groups, 0.1 for ten FFNs, 0.4 for the neurons.
double known_ratio(const ModelSpec& spec) {
  const auto layers = static_cast<double>(spec.layers) / 10;
  return 0.2 + 0.3 * layers * static_cast<double>(spec.layer(0).kv_heads) / 4 + 0.1 * layers +
         0.4 * layers * static_cast<double>(spec.layer(0).ffn_width) / 256;
}

std::vector<ModelSpec> drawn_shapes(int count, unsigned seed) {
  std::mt19937 random(seed);
  const auto up_to = [&](int most) { return std::uniform_int_distribution<int>(1, most)(random); };
  std::vector<ModelSpec> specs;
  for (int i = 0; i < count; ++i) specs.push_back(of_shape(up_to(10), up_to(4), 16 * up_to(16)));
  return specs;
}

std::vector<double> ratios_of(const std::vector<ModelSpec>& specs) {
  std::vector<double> ratios;
  for (const ModelSpec& spec : specs) ratios.push_back(known_ratio(spec));
  return ratios;
}

TEST(LatencyModel, FindsWhatTimesAreMadeOf) {
  const std::vector<ModelSpec> timed = drawn_shapes(12, 1);
  const LatencyModel model(kWhole, timed, ratios_of(timed));
  for (const ModelSpec& other : drawn_shapes(50, 2)) {
    EXPECT_NEAR(model(kWhole, other), known_ratio(other), 1e-5);
  }
  EXPECT_EQ(model(kWhole, kWhole), 1);
  EXPECT_LT(left_out_error(kWhole, timed, ratios_of(timed)), 1e-5);
}

TEST(LatencyModel, IsReadBack) {
  const std::vector<ModelSpec> timed = drawn_shapes(12, 1);
  const LatencyModel model(kWhole, timed, ratios_of(timed));
  const LatencyModel again = LatencyModel::from_json(Json::parse(model.to_json().dump()));
  EXPECT_EQ(again(kWhole, timed[3]), model(kWhole, timed[3]));
  EXPECT_THROW(static_cast<void>(LatencyModel::from_json({"a"})), UserError);
  EXPECT_TRUE(LatencyModel().empty());
}

/// Neurons that seem to make a network faster are noise: more of anything never takes less.
TEST(LatencyModel, NoPartTakesLessThanNothing) {
  std::vector<ModelSpec> timed;
  std::vector<double> ratios;
  for (int i = 1; i <= 8; ++i) {
    timed.push_back(of_shape(10, 4, 32 * i));
    ratios.push_back(1.1 - 0.05 * i);
  }
  const LatencyModel model(kWhole, timed, ratios);
  EXPECT_LE(model(kWhole, of_shape(10, 4, 16)), model(kWhole, of_shape(10, 4, 240)));
  EXPECT_LE(model(kWhole, of_shape(4, 4, 240)), model(kWhole, of_shape(10, 4, 240)));
}

TEST(LatencyModel, TheErrorIsOfNetworksThatItDidNotSee) {
  const std::vector<ModelSpec> timed = drawn_shapes(6, 3);
  std::vector<double> ratios = ratios_of(timed);
  ratios[2] *= 1.5;
  double sum = 0;
  for (std::size_t left = 0; left < timed.size(); ++left) {
    auto others = timed;
    auto of_others = ratios;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(left));
    of_others.erase(of_others.begin() + static_cast<std::ptrdiff_t>(left));
    sum +=
        std::abs(LatencyModel(kWhole, others, of_others)(kWhole, timed[left]) / ratios[left] - 1);
  }
  EXPECT_NEAR(left_out_error(kWhole, timed, ratios), sum / 6, 1e-12);
  EXPECT_GT(sum / 6, 0.05);
}

TEST(LatencyModel, NothingIsMadeOfNothing) {
  EXPECT_THROW(LatencyModel(kWhole, {}, {}), std::invalid_argument);
  EXPECT_THROW(LatencyModel(kWhole, {kWhole}, {1, 1}), std::invalid_argument);
  EXPECT_THROW(LatencyModel(kWhole, {kWhole}, {0}), std::invalid_argument);
}

TEST(TimeBeside, WhatDriftsTakesBothAlong) {
  double speed = 1;
  std::string order;
  const auto clock = [&](double seconds, char name) {
    return [&speed, &order, seconds, name] {
      order += name;
      return seconds * speed;
    };
  };
  const auto slower = [&](const Timed& timed) {
    return [&, timed] {
      const double seconds = timed();
      if (order.size() % 2 == 0) speed *= 1.5;
      return seconds;
    };
  };
  const LatencyRatio ratio =
      time_beside(slower(clock(4, 'w')), slower(clock(1, 'p')), kLatencyRounds);
  EXPECT_DOUBLE_EQ(ratio.ratio, 0.25);
  EXPECT_DOUBLE_EQ(ratio.lo, 0.25);
  EXPECT_DOUBLE_EQ(ratio.hi, 0.25);
  EXPECT_EQ(order, "wppwwppwwppwwppwwp");
}

TEST(TimeBeside, TheMedianAndItsInterval) {
  double next = 0;
  const LatencyRatio ratio = time_beside([] { return 1.0; }, [&] { return ++next; }, 9);
  EXPECT_EQ(ratio.ratio, 5);
  // Binomial(9, 1/2) has 0.0195 up to 1: the second and the eighth value.
  EXPECT_EQ(ratio.lo, 2);
  EXPECT_EQ(ratio.hi, 8);
  EXPECT_THROW(static_cast<void>(time_beside([] { return 1.0; }, [] { return 1.0; }, 3)),
               std::logic_error);
}

class TimerOf : public testing::TestWithParam<std::string> {
 protected:
  static Model model() {
    if (GetParam().starts_with("llama")) return load_golden(GetParam());
    return Model::load(encoder_folder() / GetParam(), {});
  }
};

TEST_P(TimerOf, CallsTheModel) {
  const Model model = TimerOf::model();
  NetworkTimer timer(model, {.batch = 2, .tokens = 8});
  EXPECT_GT(timer(), 0);
  EXPECT_THAT([&] { NetworkTimer too_long(model, {.tokens = 1'000'000}); },
              testing::ThrowsMessage<DoesNotApply>(testing::HasSubstr("latency_tokens")));
  if (!model.spec().causal) return;
  NetworkTimer decode(model, {.of = TimedWork::kDecode, .batch = 2, .tokens = 8});
  // More tokens than the cache has room for: it is cut back to the prompt.
  for (int i = 0; i < 100; ++i) EXPECT_GT(decode(), 0);
}

INSTANTIATE_TEST_SUITE_P(Cases, TimerOf,
                         testing::Values("llama_gqa", "bert_classifier", "bert_model"),
                         [](const auto& test) { return test.param; });

TEST(Space, SizesAreWhatTheModelOfTimesSays) {
  const std::vector<ModelSpec> timed = drawn_shapes(12, 1);
  const LatencyModel latency(kWhole, timed, ratios_of(timed));
  const NetworkSpace space(kWhole, {.size = SizeMetric::kLatency, .latency = latency}, {});
  const search::Point smallest = search::smallest_point(space.space());
  EXPECT_EQ(space.floor(), space.space().size(smallest));
  EXPECT_NEAR(space.floor(), known_ratio(spec_of_part(kWhole, space.network(smallest))), 1e-5);
}

}  // namespace
}  // namespace assay::subnetwork
