// What is in a sub-network, how large it is, and the model that it becomes.

#include "harness/subnetwork/sub_network.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/randperm.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/errors.h"
#include "harness/model/golden_cases.h"
#include "harness/subnetwork/counters.h"
#include "harness/subnetwork/extract.h"
#include "harness/subnetwork/orders.h"
#include "harness/subnetwork/space.h"

namespace assay::subnetwork {
namespace {

at::Tensor logits(const Model& model, const at::Tensor& tokens) {
  return model.logits(model.hidden(tokens));
}

ModelSpec bert_base() {
  ModelSpec spec;
  spec.family = "bert";
  spec.layers = 12;
  spec.width = spec.embedding_width = 768;
  spec.shape = {.heads = 12, .kv_heads = 12, .head_dim = 64, .ffn_width = 3072};
  spec.vocab = 28996;
  spec.max_positions = 512;
  spec.token_types = 2;
  spec.causal = spec.pre_norm = spec.final_norm = false;
  spec.embedding_norm = true;
  spec.pooler_width = 768;
  spec.qkv_bias = spec.attention_out_bias = spec.ffn_bias = spec.ffn_out_bias = true;
  spec.output = OutputKind::kNone;
  return spec;
}

ModelSpec smollm2() {
  ModelSpec spec;
  spec.family = "llama";
  spec.layers = 30;
  spec.width = spec.embedding_width = 576;
  spec.shape = {.heads = 9, .kv_heads = 3, .head_dim = 64, .ffn_width = 1536};
  spec.vocab = 49152;
  spec.norm = NormKind::kRmsNorm;
  spec.positions = PositionKind::kRotary;
  spec.ffn_gated = spec.tied_head = true;
  return spec;
}

SubNetwork of_size(const ModelSpec& spec, std::int64_t depth, std::int64_t neurons) {
  SubNetwork part = whole_network(spec);
  part.layers.resize(static_cast<std::size_t>(depth));
  for (LayerPart& layer : part.layers) layer.neurons = first_units(neurons);
  return part;
}

TEST(Counters, AreThoseOfThePapers) {
  // Klein et al.: 12 (2,363,904 + 4,723,968), and 11.1736 G at 128 tokens.
  EXPECT_EQ(layer_parameter_count(bert_base()), 85'054'464);
  EXPECT_NEAR(static_cast<double>(layer_macs(bert_base(), 128)), 11.1736e9, 5e4);
  const ModelSpec decoder = smollm2();
  EXPECT_EQ(parameter_count(decoder), 134'515'008);
  EXPECT_EQ(layer_parameter_count(decoder), 30 * 3'540'096);
  const auto share = [&](std::int64_t depth, std::int64_t neurons) {
    return static_cast<double>(
               layer_parameter_count(spec_of_part(decoder, of_size(decoder, depth, neurons)))) /
           static_cast<double>(layer_parameter_count(decoder));
  };
  EXPECT_NEAR(share(24, 1536), 0.80, 0.005);
  EXPECT_NEAR(share(24, 1024), 0.60, 0.005);
  EXPECT_NEAR(share(24, 768), 0.50, 0.005);
  EXPECT_NEAR(share(18, 1024), 0.45, 0.005);
  EXPECT_NEAR(share(12, 768), 0.25, 0.005);
}

TEST(SubNetworks, AreWrittenShortly) {
  SubNetwork part = whole_network(smollm2());
  part.layers[1].neurons = {0, 5, 7};
  const Json written = to_json(part);
  EXPECT_EQ(written["dimensions"], 576);
  EXPECT_EQ(written["layers"][0]["neurons"], 1536);
  EXPECT_EQ(written["layers"][1]["neurons"], Json({0, 5, 7}));
}

TEST(SubNetworks, WhatIsNoPartIsRefused) {
  const ModelSpec spec = smollm2();
  const auto refused = [&](auto change, const char* text) {
    SubNetwork part = whole_network(spec);
    change(part);
    EXPECT_THAT([&] { require_part_of(spec, part); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr(text)));
  };
  require_part_of(spec, whole_network(spec));
  refused([](SubNetwork& p) { p.layers.clear(); }, "at least one");
  refused([](SubNetwork& p) { std::swap(p.layers[0], p.layers[1]); }, "ascending");
  refused([](SubNetwork& p) { p.layers[3].groups = {0, 3}; }, "has 3 groups of heads");
  refused([](SubNetwork& p) { p.layers[3].neurons = {4, 4}; }, "1536 neurons");
  refused([](SubNetwork& p) { p.layers[3] = {3, {}, {}}; }, "nothing of it stays");
  refused([](SubNetwork& p) { p.dimensions.push_back(576); }, "width is 576");
}

class OfFamilies : public testing::TestWithParam<std::string> {
 protected:
  Model model_ = load_golden(GetParam());
  at::Tensor tokens_ = read_golden(GetParam()).tokens;

  /// Something of everything goes.
  [[nodiscard]] SubNetwork smaller() const {
    const ModelSpec& spec = model_.spec();
    SubNetwork part = whole_network(spec);
    part.dimensions = first_units(spec.width - 4);
    LayerPart& first = part.layers.front();
    if (why_heads_stay(spec).empty() && first.groups.size() > 1) first.groups.pop_back();
    first.neurons.erase(first.neurons.begin() + 2);
    part.layers.back().neurons.clear();
    return part;
  }
};

TEST_P(OfFamilies, CountersEqualTheExtractedModel) {
  for (const SubNetwork& part : {whole_network(model_.spec()), smaller()}) {
    Model model = model_.share();
    extract(model, part);
    EXPECT_EQ(parameter_count(spec_of_part(model_.spec(), part)), model.cost().params);
    EXPECT_EQ(parameter_count(model.spec()), model.cost().params);
    EXPECT_TRUE(logits(model, tokens_).isfinite().all().item<bool>());
  }
}

TEST_P(OfFamilies, TheWholeNetworkIsTheModel) {
  Model model = model_.share();
  extract(model, whole_network(model_.spec()));
  EXPECT_TRUE(logits(model, tokens_).equal(logits(model_, tokens_)));
}

TEST_P(OfFamilies, ALayerThatIsNotNamedIsDropped) {
  SubNetwork part = whole_network(model_.spec());
  part.layers.erase(part.layers.begin());
  Model model = model_.share(), dropped = model_.clone();
  extract(model, part);
  dropped.drop_layer(0);
  EXPECT_TRUE(logits(model, tokens_).equal(logits(dropped, tokens_)));
  EXPECT_EQ(model_.layer_count(), model.layer_count() + 1);
}

TEST_P(OfFamilies, APartOfAnOrderedModelIsOneOfTheModel) {
  const ModelSpec& spec = model_.spec();
  Orders orders;
  for (std::int64_t l = 0; l < spec.layers; ++l) {
    orders.neurons[l] = at::randperm(spec.layer(l).ffn_width, at::kLong);
    if (why_heads_stay(spec).empty()) {
      orders.groups[l] = at::randperm(spec.layer(l).kv_heads, at::kLong);
    }
  }
  orders.width = at::randperm(spec.width, at::kLong);
  Model ordered = model_.clone(), plain = model_.share();
  apply_orders(ordered, orders);
  const SubNetwork part = smaller(), original = in_model_order(part, orders);
  extract(ordered, part);
  extract(plain, original);
  EXPECT_LE(relative_error(logits(ordered, tokens_), logits(plain, tokens_)), 1e-5);
  restore_order(ordered, part, orders);
  EXPECT_EQ(ordered.content_hash(), plain.content_hash());
}

INSTANTIATE_TEST_SUITE_P(Cases, OfFamilies, testing::ValuesIn(golden_cases_with_plain_ffns()),
                         [](const auto& test) { return test.param; });

TEST(Orders, RoundTripAndRankTiesByIndex) {
  Orders orders;
  orders.neurons[0] = descending_order(at::arange(4, at::kDouble), "x");
  orders.groups[3] = at::arange(2, at::kLong);
  orders.layers = {2, 0, 1};
  const Orders again = orders_from_tensors(to_tensors(orders));
  EXPECT_TRUE(again.neurons.at(0).equal(at::tensor({3, 2, 1, 0}, at::kLong)));
  EXPECT_EQ(again.layers, orders.layers);
  EXPECT_EQ(again.groups.count(3), 1U);
  EXPECT_FALSE(again.width.defined());
  EXPECT_TRUE(descending_order(at::tensor({1.0, 2.0, 2.0, 0.0}), "x")
                  .equal(at::tensor({1, 2, 0, 3}, at::kLong)));
}

TEST(Orders, ScoresWithoutAnOrderAreRefused) {
  EXPECT_THAT(
      [] {
        descending_order(at::tensor({1.0, NAN}), "neurons of layer 3");
      },
      testing::ThrowsMessage<UserError>(testing::HasSubstr("neurons of layer 3")));
  EXPECT_THAT(
      [] {
        descending_order(at::tensor({2.0, 2.0}), "x");
      },
      testing::ThrowsMessage<UserError>(testing::HasSubstr("any order would do")));
}

TEST(Spaces, OfOneSizeKeepTheMostImportantLayers) {
  const NetworkSpace space(smollm2(), {.depths = {1, 2, 30}, .neurons = {512, 1536}},
                           {7,  3,  0,  1,  2,  4,  5,  6,  8,  9,  10, 11, 12, 13, 14,
                            15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29});
  EXPECT_EQ(search::point_count(space.space()), 3 * 3 * 2);
  const SubNetwork part = space.network({1, 0, 1, 0});
  ASSERT_EQ(part.layers.size(), 2U);
  EXPECT_EQ(part.layers[0].layer, 3);
  EXPECT_EQ(part.layers[1].layer, 7);
  EXPECT_EQ(part.layers[0].groups.size(), 1U);
  EXPECT_EQ(part.layers[0].neurons.size(), 1536U);
  EXPECT_EQ(space.network(search::largest_point(space.space())), whole_network(smollm2()));
  EXPECT_DOUBLE_EQ(space.space().size(search::largest_point(space.space())), 1);
  const double layer = 2 * 576 + 2 * 576 * 192 + 2 * 576 * 64 + 3 * 512 * 576;
  EXPECT_NEAR(space.floor(), (49152 * 576 + 576 + layer) / 134'515'008, 1e-12);
}

TEST(Spaces, OfKleinHaveTheirSizes) {
  const ModelSpec spec = bert_base();
  const auto count = [&](SpaceKind kind, std::int64_t steps) {
    return search::point_count(NetworkSpace(spec, {.kind = kind, .steps = steps}, {}).space());
  };
  EXPECT_EQ(count(SpaceKind::kSmall, 3072), 12.0 * 12 * 3072);
  EXPECT_NEAR(count(SpaceKind::kMedium, 3072), std::pow(13.0 * 3073, 12), 1e40);
  EXPECT_EQ(count(SpaceKind::kLayer, 8), 4096);
  EXPECT_EQ(count(SpaceKind::kFullLayer, 8), std::pow(2.0, 24));
  const NetworkSpace units(spec, {.kind = SpaceKind::kLarge}, {});
  EXPECT_EQ(units.space().axes.size(), 144U + 36864U);
}

TEST(Spaces, EveryPointIsANetworkOfItsSize) {
  for (const char* name : {"llama_gqa", "gpt2", "bloom"}) {
    const Model model = load_golden(name);
    for (const SpaceKind kind : {SpaceKind::kSmall, SpaceKind::kMedium, SpaceKind::kLayer,
                                 SpaceKind::kFullLayer, SpaceKind::kLarge}) {
      const NetworkSpace space(model.spec(), {.kind = kind, .steps = 3}, {});
      PythonRandom random(3);
      std::vector<search::Point> points = {search::smallest_point(space.space()),
                                           search::largest_point(space.space())};
      for (int i = 0; i < 5; ++i) points.push_back(search::random_point(space.space(), random));
      for (const search::Point& point : points) {
        Model part = model.share();
        extract(part, space.network(point));
        EXPECT_NEAR(
            space.space().size(point),
            static_cast<double>(part.cost().params) / static_cast<double>(model.cost().params),
            1e-12)
            << name << static_cast<int>(kind);
        EXPECT_GE(space.space().size(point), space.floor());
      }
    }
  }
}

TEST(Spaces, SizesAreSharesOfWhatWasAskedFor) {
  const auto size = [](SizeMetric metric, const search::Point& point) {
    const NetworkSpace space(
        smollm2(),
        {.depths = {15, 30}, .groups = {3}, .neurons = {768, 1536}, .size = metric, .tokens = 10},
        {});
    return space.space().size(point);
  };
  // Half of the layers: half of their parameters, and of all the rest is what it was.
  EXPECT_DOUBLE_EQ(size(SizeMetric::kLayerParameters, {0, 0, 1, 0}), 0.5);
  const double layers = 30 * 3'540'096.0, head = 49152 * 576.0;
  EXPECT_DOUBLE_EQ(size(SizeMetric::kParameters, {0, 0, 1, 0}), 1 - layers / 2 / 134'515'008);
  // 10 tokens: weights of matrices, 2 * 10 products of 9 heads of 64, and the head.
  const double macs = 30 * (3'540'096.0 - 2 * 576 + 2 * 10 * 576);
  EXPECT_NEAR(size(SizeMetric::kMacs, {0, 0, 1, 0}), (macs / 2 + head) / (macs + head), 1e-12);
  const double narrow = macs - 30 * 3 * 768 * 576.0;
  EXPECT_NEAR(size(SizeMetric::kMacs, {1, 0, 0, 0}), (narrow + head) / (macs + head), 1e-12);
}

TEST(Spaces, ValuesThatTheModelHasNotAreRefused) {
  const auto refused = [](const SpaceSettings& settings, const char* text) {
    EXPECT_THAT([&] { NetworkSpace(smollm2(), settings, {}); },
                testing::ThrowsMessage<UserError>(testing::HasSubstr(text)));
  };
  refused({.groups = {1, 4}}, "groups = [1, 4]: this model has 3");
  refused({.neurons = {0, 4}}, "neurons");
  refused({.depths = {31}}, "from 1 to 30");
  refused({.widths = {600}}, "widths = [600]: this model has 576");
}

}  // namespace
}  // namespace assay::subnetwork
