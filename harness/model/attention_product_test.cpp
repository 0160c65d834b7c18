// Capped and scaled scores against loops in double.

#include "harness/model/attention_product.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/randn_like.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

namespace assay {
namespace {

struct Heads {
  at::Tensor query = at::randn({2, 6, 5, 8}), keys = at::randn({2, 2, 5, 8}),
             values = at::randn({2, 2, 5, 8});
};

double score(const Heads& heads, const ScoreForm& form, std::int64_t batch, std::int64_t head,
             std::int64_t query, std::int64_t key) {
  const double product = heads.query[batch][head][query]
                             .to(at::kDouble)
                             .dot(heads.keys[batch][head / 3][key].to(at::kDouble))
                             .item<double>();
  const double scaled = product * form.scale.value_or(1 / std::sqrt(8.0));
  return form.softcap > 0 ? std::tanh(scaled / form.softcap) * form.softcap : scaled;
}

bool sees(const ScoreMask& mask, std::int64_t query, std::int64_t key) {
  if (!mask.mask.defined()) return !mask.causal || key <= query;
  return mask.mask.scalar_type() != at::kBool || mask.mask[query][key].item<bool>();
}

double added(const ScoreMask& mask, std::int64_t head, std::int64_t query, std::int64_t key) {
  const bool adds = mask.mask.defined() && mask.mask.scalar_type() != at::kBool;
  return adds ? mask.mask[0][head][query][key].item<double>() : 0;
}

at::Tensor by_hand(const Heads& heads, const ScoreMask& mask, const ScoreForm& form) {
  at::Tensor out = at::zeros({2, 6, 5, 8}, at::kDouble);
  for (std::int64_t i = 0; i < 2 * 6 * 5; ++i) {
    const std::int64_t batch = i / 30, head = i / 5 % 6, query = i % 5;
    double total = 0;
    for (std::int64_t key = 0; key < 5; ++key) {
      if (!sees(mask, query, key)) continue;
      const double weight =
          std::exp(score(heads, form, batch, head, query, key) + added(mask, head, query, key));
      out[batch][head][query] += heads.values[batch][head / 3][key] * weight;
      total += weight;
    }
    out[batch][head][query] /= total;
  }
  return out;
}

class AttentionProduct : public testing::TestWithParam<ScoreForm> {
 protected:
  AttentionProduct() { at::manual_seed(8); }
  void expect_as_by_hand(const ScoreMask& mask) const {
    const Heads heads;
    const at::Tensor found =
        attention_product(heads.query, heads.keys, heads.values, mask, GetParam());
    const at::Tensor expected = by_hand(heads, mask, GetParam());
    EXPECT_LE((found.to(at::kDouble) - expected).abs().max().item<double>(), 5e-6);
  }
};

TEST_P(AttentionProduct, WithoutAMask) { expect_as_by_hand({}); }
TEST_P(AttentionProduct, Causal) { expect_as_by_hand({{}, true}); }
TEST_P(AttentionProduct, OfKeysThatAMaskNames) {
  at::Tensor mask = at::rand({5, 5}).gt(0.5);
  mask.diagonal().fill_(true);
  expect_as_by_hand({mask});
}
TEST_P(AttentionProduct, WithABias) { expect_as_by_hand({at::randn({1, 6, 5, 5})}); }

TEST_P(AttentionProduct, GradientsAreThoseOfDifferences) {
  Heads heads;
  const at::Tensor direction = at::randn_like(heads.keys), weight = at::randn({2, 6, 5, 8});
  const auto value = [&](double along) {
    return (attention_product(heads.query.to(at::kDouble),
                              (heads.keys + direction * along).to(at::kDouble),
                              heads.values.to(at::kDouble), {{}, true}, GetParam()) *
            weight)
        .sum()
        .item<double>();
  };
  const double slope = (value(1e-3) - value(-1e-3)) / 2e-3;
  heads.keys.requires_grad_(true);
  (attention_product(heads.query, heads.keys, heads.values, {{}, true}, GetParam()) * weight)
      .sum()
      .backward();
  EXPECT_NEAR((heads.keys.grad() * direction).sum().item<double>(), slope, 1e-3);
}

INSTANTIATE_TEST_SUITE_P(Forms, AttentionProduct,
                         testing::Values(ScoreForm{}, ScoreForm{0.7, 0}, ScoreForm{{}, 1.5},
                                         ScoreForm{0.7, 2.5}));

}  // namespace
}  // namespace assay
