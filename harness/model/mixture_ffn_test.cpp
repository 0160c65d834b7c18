// Mixtures of experts against loops over tokens and neurons.

#include "harness/model/mixture_ffn.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "harness/model/golden_cases.h"

namespace assay {
namespace {

constexpr std::int64_t kWidth = 12, kNeurons = 10, kExperts = 5, kRows = 23;

using Row = std::vector<double>;

/// weight [out, in] times a row, number by number.
Row times(const at::Tensor& weight, const Row& row) {
  Row out;
  for (std::int64_t o = 0; o < weight.size(0); ++o) {
    double sum = 0;
    for (std::int64_t i = 0; i < weight.size(1); ++i) {
      sum += weight[o][i].item<double>() * row[static_cast<std::size_t>(i)];
    }
    out.push_back(sum);
  }
  return out;
}

/// down(silu(gate(x)) * up(x))
Row naive_expert(const Ffn& expert, const Row& row) {
  const auto weight = [&](Slot slot) {
    return dynamic_cast<const DenseLinear&>(*expert.linear(slot)).weight();
  };
  Row gate = times(weight(Slot::kGate), row);
  const Row up = times(weight(Slot::kUp), row);
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
  return times(weight(Slot::kDown), gate);
}

/// Experts of a row and their shares.
using Shares = std::map<std::int64_t, double>;

Shares naive_shares(const MixtureFfn& mixture, const RouterForm& form, const Row& row) {
  Row chances =
      times(dynamic_cast<const DenseLinear&>(*mixture.linear(Slot::kRouter)).weight(), row);
  for (double& chance : chances) chance = std::exp(chance);
  const double all = std::accumulate(chances.begin(), chances.end(), 0.0);
  std::vector<std::int64_t> order(chances.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return chances[static_cast<std::size_t>(a)] > chances[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(form.experts_per_token));
  Shares shares;
  double taken = 0;
  for (const std::int64_t expert : order) {
    shares[expert] = chances[static_cast<std::size_t>(expert)] / all;
    taken += shares[expert];
  }
  if (form.normed) {
    for (auto& [expert, share] : shares) share /= taken;
  }
  return shares;
}

Row row_of(const at::Tensor& rows, std::int64_t index) {
  Row row;
  for (std::int64_t i = 0; i < rows.size(1); ++i) row.push_back(rows[index][i].item<double>());
  return row;
}

at::Tensor naive_mixture(const MixtureFfn& mixture, const RouterForm& form,
                         const at::Tensor& rows) {
  at::Tensor out = at::zeros(rows.sizes(), at::kDouble);
  for (std::int64_t r = 0; r < rows.size(0); ++r) {
    const Row row = row_of(rows, r);
    for (const auto& [expert, share] : naive_shares(mixture, form, row)) {
      const Row given = naive_expert(*mixture.expert(expert), row);
      for (std::int64_t i = 0; i < rows.size(1); ++i) {
        out[r][i].add_(share * given[static_cast<std::size_t>(i)]);
      }
    }
  }
  return out;
}

MixtureFfn random_mixture(const RouterForm& form) {
  at::manual_seed(5);
  std::vector<std::unique_ptr<StandardFfn>> experts;
  for (std::int64_t i = 0; i < kExperts; ++i) {
    // Side by side, as a loaded model has them.
    const at::Tensor both = at::randn({2 * kNeurons, kWidth});
    experts.push_back(std::make_unique<StandardFfn>(
        ActivationKind::kSilu, DenseLinear(both.narrow(0, 0, kNeurons), {}),
        DenseLinear(both.narrow(0, kNeurons, kNeurons), {}),
        DenseLinear(at::randn({kWidth, kNeurons}), {})));
  }
  return {form, DenseLinear(at::randn({kExperts, kWidth}), {}), std::move(experts)};
}

at::Tensor run(const MixtureFfn& mixture, const at::Tensor& rows,
               ActivationRecorder* recorder = nullptr, RoutingHook* routing = nullptr) {
  StepContext step;
  step.tokens = rows.size(0);
  step.recorder = recorder;
  step.routing = routing;
  const at::Tensor out = mixture.forward(rows, step);
  EXPECT_EQ(step.expert, -1);
  return out;
}

std::vector<RouterForm> forms() {
  std::vector<RouterForm> all;
  for (const std::int64_t taken : {std::int64_t{1}, std::int64_t{2}, kExperts}) {
    for (const bool normed : {false, true}) all.push_back({taken, normed, false});
  }
  return all;
}

TEST(Mixture, EqualsLoopsOverTokens) {
  for (const RouterForm& form : forms()) {
    const MixtureFfn mixture = random_mixture(form);
    const at::Tensor rows = at::randn({kRows, kWidth});
    EXPECT_LE(relative_error(run(mixture, rows), naive_mixture(mixture, form, rows)), 1e-5)
        << form.experts_per_token << form.normed;
  }
}

TEST(Mixture, RowsDoNotDependOnEachOther) {
  const MixtureFfn mixture = random_mixture({2, true, false});
  const at::Tensor rows = at::randn({kRows, kWidth});
  std::vector<at::Tensor> alone;
  for (std::int64_t i = 0; i < kRows; ++i) alone.push_back(run(mixture, rows.narrow(0, i, 1)));
  EXPECT_LE(relative_error(at::cat(alone), run(mixture, rows)), 1e-5);
  EXPECT_EQ(run(mixture, rows.narrow(0, 0, 0)).size(0), 0);
}

// 1/3 is not a number of bfloat16, and a share of it moves outputs by the rounding alone.
TEST(Mixture, SharesAreRoundedWhereTheFormSaysSo) {
  const at::Tensor rows = at::randn({kRows, kWidth}).to(at::kBFloat16);
  const auto output = [&](bool rounded) {
    MixtureFfn mixture = random_mixture({2, false, rounded});
    mixture.visit_tensors(
        [](const std::string&, at::Tensor& tensor) { tensor = tensor.to(at::kBFloat16); });
    return run(mixture, rows);
  };
  const at::Tensor exact = output(false), rounded = output(true);
  EXPECT_EQ(exact.scalar_type(), at::kBFloat16);
  EXPECT_FALSE(at::equal(exact, rounded));
  EXPECT_LE(relative_error(rounded, exact), 1e-2);
}

/// Rows that each expert got, by tap.
class ByExpert final : public ActivationRecorder {
 public:
  void record(std::int64_t, Tap tap, const at::Tensor& rows, const StepContext& step) override {
    EXPECT_TRUE(seen.try_emplace({tap, step.expert}, rows.clone()).second);
  }
  std::map<std::pair<Tap, std::int64_t>, at::Tensor> seen;
};

TEST(Mixture, TellsEachExpertsRowsToRecorders) {
  const RouterForm form{2, true, false};
  const MixtureFfn mixture = random_mixture(form);
  const at::Tensor rows = at::randn({3, kWidth});  // 6 places at most, so that some may be idle
  ByExpert recorder;
  (void)run(mixture, rows, &recorder);
  std::map<std::int64_t, std::vector<at::Tensor>> expected;
  for (std::int64_t r = 0; r < rows.size(0); ++r) {
    for (const auto& [expert, share] : naive_shares(mixture, form, row_of(rows, r))) {
      expected[expert].push_back(rows.narrow(0, r, 1));
    }
  }
  EXPECT_TRUE(at::equal(recorder.seen.at({Tap::kFfnInput, -1}), rows));
  for (std::int64_t expert = 0; expert < kExperts; ++expert) {
    const at::Tensor& seen = recorder.seen.at({Tap::kFfnInput, expert});
    const at::Tensor& inside = recorder.seen.at({Tap::kDownInput, expert});
    EXPECT_EQ(inside.size(0), seen.size(0));
    if (!expected.contains(expert)) {
      EXPECT_EQ(seen.size(0), 0);
    } else {
      EXPECT_TRUE(at::equal(seen, at::cat(expected.at(expert))));
      EXPECT_EQ(inside.size(1), kNeurons);
    }
  }
}

/// Gives every row the first two experts, whatever it found.
class FirstTwo final : public RoutingHook {
 public:
  at::Tensor settle(const StepContext&, RoutingSite site, const at::Tensor& found) override {
    EXPECT_EQ(site, RoutingSite::kExperts);
    EXPECT_TRUE(found.sum(1).eq(2).all().item<bool>());
    at::Tensor wanted = at::zeros(found.sizes(), found.options());
    wanted.narrow(1, 0, 2).fill_(true);
    return wanted;
  }
};

TEST(Mixture, TakesTheExpertsThatAHookSettles) {
  const MixtureFfn mixture = random_mixture({2, true, false});
  const at::Tensor rows = at::randn({kRows, kWidth});
  FirstTwo hook;
  ByExpert recorder;
  (void)run(mixture, rows, &recorder, &hook);
  for (std::int64_t expert = 0; expert < kExperts; ++expert) {
    EXPECT_EQ(recorder.seen.at({Tap::kFfnInput, expert}).size(0), expert < 2 ? kRows : 0);
  }
}

TEST(Mixture, ATokenTouchesTheExpertsThatItTakes) {
  const Cost cost = random_mixture({2, true, false}).cost();
  constexpr std::int64_t kRouter = kExperts * kWidth, kOne = 3 * kWidth * kNeurons;
  EXPECT_EQ(cost.params, kRouter + kExperts * kOne);
  EXPECT_EQ(cost.resident_bytes, 4 * (kRouter + kExperts * kOne));
  EXPECT_EQ(cost.touched_bytes, 4 * (kRouter + 2 * kOne));
  EXPECT_EQ(cost.flops_per_token, 2 * (kRouter + 2 * kOne));
}

TEST(MixtureLayer, ListsTheMatricesOfItsExperts) {
  const Model model = load_golden("qwen3_moe_mixed_tied");
  EXPECT_EQ(model.layers()[0].places().size(), 7U);
  const Layer& layer = model.layers()[1];
  std::vector<std::string> names;
  for (const SlotPlace& place : layer.places()) names.push_back(slot_path(1, place));
  ASSERT_EQ(names.size(), 4U + 6 * 3);
  EXPECT_EQ(names[3], "layer.1.o");
  EXPECT_EQ(names[4], "layer.1.expert.0.gate");
  EXPECT_EQ(names.back(), "layer.1.expert.5.down");
  EXPECT_THAT(layer.slots(),
              testing::ElementsAre(Slot::kQ, Slot::kK, Slot::kV, Slot::kO, Slot::kRouter));
  EXPECT_EQ(layer.find({Slot::kUp, 6}), nullptr);
  EXPECT_EQ(layer.find({Slot::kQ, 0}), nullptr);
  EXPECT_THROW((void)layer.dense(Slot::kUp), std::logic_error);
}

}  // namespace
}  // namespace assay
