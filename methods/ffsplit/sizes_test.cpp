// The published sizes as the paper's models give them (ranks and presets derived by hand, weights
// only), and what is refused.
#include "methods/ffsplit/sizes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace assay::ffsplit {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct PaperModel {
  FfnShape shape;
  std::int64_t layers, encoder;
};
const PaperModel kBase{{768, 3072}, 12, 85054464};
const PaperModel kLarge{{1024, 4096}, 24, 302309376};

Settings svd_settings(double p, double target) {
  Settings settings;
  settings.p = p;
  settings.align = 1;
  settings.parts[1].compressor = Compressor::kSvd;
  settings.target = target;
  settings.slack_to_heavy = false;
  return settings;
}

/// The part of the feed-forward weights that must go for `reduction` of the whole encoder.
double ffn_target(const PaperModel& model, double reduction) {
  return reduction * static_cast<double>(model.encoder) /
         static_cast<double>(model.layers * dense_size(model.shape).params);
}

Sizing sizing(const PaperModel& model, const Settings& settings) {
  return solve(settings, model.shape, uniform_counts(settings, model.shape, model.layers).heavy,
               {});
}

struct TableRow {
  const PaperModel& model;
  double p;
  std::int64_t rank, ffn_rank;  ///< for 43.1 % of the encoder and of the feed-forward weights
};

TEST(Sizes, RanksOfTheTable) {
  // floor() of the real-valued ranks; p = 0.05 of 3072 is 153.6 neurons there and 154 here.
  const TableRow rows[] = {{kBase, 0, 216, 349},    {kBase, 0.1, 168, 313},
                           {kBase, 0.2, 111, 270},  {kBase, 0.25, 78, 244},
                           {kLarge, 0, 288, 466},   {kLarge, 0.1, 225, 417},
                           {kLarge, 0.2, 148, 359}, {kLarge, 0.25, 105, 326}};
  for (const TableRow& row : rows) {
    const Sizing encoder = sizing(row.model, svd_settings(row.p, ffn_target(row.model, 0.431)));
    EXPECT_NEAR(static_cast<double>(encoder.plan.parts[1].rank), static_cast<double>(row.rank), 1)
        << row.p;
    const Sizing ffn = sizing(row.model, svd_settings(row.p, 0.431));
    EXPECT_NEAR(static_cast<double>(ffn.plan.parts[1].rank), static_cast<double>(row.ffn_rank), 1)
        << row.p;
  }
}

struct Preset {
  const PaperModel& model;
  std::int64_t align, heavy, rank, weights;
};

TEST(Sizes, PresetsOfTheTable) {
  const Preset presets[] = {{kBase, 1, 307, 168, 1658640},
                            {kBase, 8, 312, 160, 1608192},
                            {kLarge, 1, 410, 225, 2959180},
                            {kLarge, 32, 416, 224, 2959360}};
  for (const Preset& preset : presets) {
    // 43.1 % as published is 43.095 % and more.
    Settings settings = svd_settings(0.1, ffn_target(preset.model, 0.43095));
    settings.align = preset.align;
    const Sizing found = sizing(preset.model, settings);
    EXPECT_THAT(found.problem, IsEmpty());
    EXPECT_THAT(found.plan.heavy, Each(preset.heavy));
    EXPECT_EQ(found.plan.parts[1].rank, preset.rank);
    const Size size = split_size(preset.model.shape, found.plan.parts, preset.heavy);
    EXPECT_EQ(size.params, preset.weights);
    EXPECT_EQ(size.bytes, 4 * preset.weights);
  }
}

TEST(Sizes, BiasesAndGatesAreCounted) {
  const FfnShape shape{16, 40, true, true};
  EXPECT_EQ(dense_size(shape).params, 3 * 16 * 40 + 2 * 40 + 16);
  std::array<PartSettings, 2> parts;
  parts[1] = {Compressor::kSvd, 5, {}};
  EXPECT_EQ(split_size(shape, parts, 8).params, 3 * 16 * 8 + 3 * 5 * (16 + 32) + 2 * 40 + 16);
  EXPECT_EQ(split_size(shape, parts, 40).params, dense_size(shape).params);
}

TEST(Sizes, BreakEvenRank) {
  EXPECT_EQ(largest_saving_rank({768, 3072}, 3072 - 307), 601);
  for (const std::int64_t neurons : {1, 7, 64, 1000}) {
    const FfnShape shape{48, 1000};
    const std::int64_t rank = largest_saving_rank(shape, neurons);
    EXPECT_LT(rank * (48 + neurons), 48 * neurons);
    EXPECT_GE((rank + 1) * (48 + neurons), 48 * neurons);
  }
}

TEST(Solve, TakesTheLargestRankAndSpendsTheSlackOnHeavyHitters) {
  Settings settings = svd_settings(0.1, ffn_target(kBase, 0.431));
  settings.align = 8;
  settings.slack_to_heavy = true;
  const Sizing found = sizing(kBase, settings);
  EXPECT_EQ(found.plan.parts[1].rank, 160);
  const std::int64_t heavy = found.plan.heavy.front();
  EXPECT_GT(heavy, 312);
  const auto budget = static_cast<std::int64_t>(
      (1 - settings.target) * static_cast<double>(dense_size(kBase.shape).params));
  EXPECT_LE(split_size(kBase.shape, found.plan.parts, heavy).params, budget);
  EXPECT_GT(split_size(kBase.shape, found.plan.parts, heavy + 8).params, budget);
}

TEST(Solve, NamesTheNearestFeasibleTarget) {
  const Settings settings = svd_settings(0.25, 0.9);
  const Sizing found = sizing(kBase, settings);
  EXPECT_THAT(found.problem,
              AllOf(HasSubstr("target = 0.9 of ffn_params cannot be met"),
                    HasSubstr("nearest feasible target is 0.7"), HasSubstr("rank 1")));
  // The target that it names is feasible, the next thousandth is not.
  const std::size_t place = found.problem.find("target is ") + 10;
  const double nearest = std::stod(found.problem.substr(place, 6));
  EXPECT_THAT(sizing(kBase, svd_settings(0.25, nearest)).problem, IsEmpty());
  EXPECT_FALSE(sizing(kBase, svd_settings(0.25, nearest + 1e-3)).problem.empty());
}

TEST(Solve, SaysThatNoTargetIsFeasible) {
  Settings settings = svd_settings(0.5, 0.1);
  settings.parts[1].compressor = Compressor::kKeep;
  settings.solve_p = true;
  EXPECT_THAT(sizing(kBase, settings).problem, HasSubstr("none is feasible"));
}

TEST(Solve, RefusesARankThatSavesNothing) {
  Settings settings = svd_settings(0.1, 0.3);
  settings.parts[1].rank = 602;
  EXPECT_THAT(sizing(kBase, settings).problem,
              AllOf(HasSubstr("rank_2 = 602 saves nothing"), HasSubstr("at most 601 does")));
  settings.parts[1].rank = 601;
  EXPECT_THAT(sizing(kBase, settings).problem, IsEmpty());
}

TEST(Counts, RefusesAPartWithoutNeurons) {
  Settings settings = svd_settings(0.00001, 0.3);
  EXPECT_THAT(uniform_counts(settings, kBase.shape, 12).problem,
              AllOf(HasSubstr("leaves 0 of 3072"), HasSubstr("between 1 and 3071")));
  settings.p = 0.9999;
  EXPECT_THAT(uniform_counts(settings, kBase.shape, 12).problem, HasSubstr("leaves 3072 of 3072"));
  for (const double p : {0.0, 1.0}) {
    settings.p = p;
    EXPECT_THAT(uniform_counts(settings, kBase.shape, 12).problem, IsEmpty());
  }
}

TEST(Solve, FindsPForQuantisersOfGivenWidths) {
  Settings settings = svd_settings(0, 1 - 3.25 / 32);
  settings.denominator = Denominator::kFfnBytes;
  settings.solve_p = true;
  settings.parts[0] = {Compressor::kRtn, 0, {8, 128}};
  settings.parts[1] = {Compressor::kRtn, 0, {2, 128}};
  const FfnShape shape{256, 1024};
  const Sizing found = solve(settings, shape, {0, 0}, {});
  ASSERT_THAT(found.problem, IsEmpty());
  const std::int64_t heavy = found.plan.heavy.front();
  const auto bytes = [&](std::int64_t count) {
    return static_cast<double>(split_size(shape, found.plan.parts, count).bytes);
  };
  EXPECT_LE(bytes(heavy), 3.25 / 32 * static_cast<double>(dense_size(shape).bytes));
  EXPECT_GT(bytes(heavy + 1), 3.25 / 32 * static_cast<double>(dense_size(shape).bytes));
}

}  // namespace
}  // namespace assay::ffsplit
