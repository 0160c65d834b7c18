// The contextual multiplexer against its definition, a row and a head at a time.

#include <ATen/ops/cat.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/model/golden_cases.h"
#include "harness/mux/variants_fixture.h"

namespace assay::mux {
namespace {

/// By hand: keys, twelve matrices and their work.
TEST(ContextualMux, CountsWhatItHasAndDoes) {
  const Model contextual = small_mux({.instances = 3, .contextual = true});
  const Model plain = small_mux({.instances = 3});
  const std::int64_t width = 32, inside = 64;
  const std::int64_t matrices = 4 * width * width + 2 * width * inside;
  const std::int64_t others = 4 * width + inside + width + 4 * width;  // biases, norms
  EXPECT_EQ(contextual.cost().params - plain.cost().params, 2 * (matrices + others));
  const std::int64_t work =
      contextual.input().cost().flops_per_token - plain.input().cost().flops_per_token;
  // Multiplications and additions of every instance's token.
  EXPECT_GE(work, 2 * 2 * matrices);
  EXPECT_LE(work, 2 * 2 * (matrices + others));
}

/// A layer with norms behind its residuals, one row and one head at a time. x [length, width]
at::Tensor layer_by_hand(const std::map<std::string, at::Tensor>& t, const at::Tensor& x,
                         const std::vector<std::int64_t>& seen, std::int64_t heads, double eps) {
  const std::int64_t dim = x.size(1) / heads;
  const auto dense = [&](const std::string& name, const at::Tensor& row) {
    return t.at(name + ".weight").mv(row) + t.at(name + ".bias");
  };
  const auto norm = [&](const std::string& name, const at::Tensor& row) {
    return normed(row, eps) * t.at(name + ".weight") + t.at(name + ".bias");
  };
  std::vector<at::Tensor> out;
  for (std::int64_t r = 0; r < x.size(0); ++r) {
    std::vector<at::Tensor> contexts;
    for (std::int64_t h = 0; h < heads; ++h) {
      const auto of_head = [&](const at::Tensor& row) { return row.narrow(0, h * dim, dim); };
      const at::Tensor query = of_head(dense("q", x[r]));
      std::vector<at::Tensor> scores, values;
      for (const std::int64_t s : seen) {
        scores.push_back(query.dot(of_head(dense("k", x[s]))) / std::sqrt(dim));
        values.push_back(of_head(dense("v", x[s])));
      }
      contexts.push_back(at::softmax(at::stack(scores), 0).matmul(at::stack(values)));
    }
    const at::Tensor middle = norm("attention_norm", dense("o", at::cat(contexts)) + x[r]);
    const at::Tensor up = dense("up", middle);
    const at::Tensor active = up * 0.5 * (1 + (up / std::sqrt(2.0)).erf());
    out.push_back(norm("ffn_norm", dense("down", active) + middle));
  }
  return at::stack(out);
}

std::map<std::string, at::Tensor> tensors_of(Layer& layer) {
  std::map<std::string, at::Tensor> all;
  layer.visit_tensors(
      [&](const std::string& name, at::Tensor& tensor) { all[name] = tensor.to(at::kDouble); });
  return all;
}

/// Two groups of three instances, of which position 4 of the first group is all pads.
TEST(ContextualMux, IsItsDefinition) {
  const c10::InferenceMode inference;
  constexpr std::int64_t kCount = 3, kLength = 5;
  const ModelSpec spec = small_encoder().spec();
  Layer along = formula_layer(spec, 0), across = formula_layer(spec, 100);
  const auto first = tensors_of(along), second = tensors_of(across);
  const at::Tensor keys = keys_of(kCount, spec.width);
  const std::int64_t ends[2][kCount] = {{4, 1, 3}, {5, 2, 5}};
  const at::Tensor instances =
      formula(2 * kCount * kLength, spec.width, 0.77, 0.23, 1).view({2, kCount, kLength, -1});
  at::Tensor real = at::zeros({2, kCount, kLength}, at::kBool);
  at::Tensor expected = at::zeros({2, kLength, spec.width}, at::kDouble);
  for (std::int64_t g = 0; g < 2; ++g) {
    std::vector<at::Tensor> keyed;
    for (std::int64_t i = 0; i < kCount; ++i) {
      real[g][i].narrow(0, 0, ends[g][i]).fill_(true);
      std::vector<std::int64_t> seen;
      for (std::int64_t l = 0; l < ends[g][i]; ++l) seen.push_back(l);
      const at::Tensor x = instances[g][i].to(at::kDouble);
      keyed.push_back((layer_by_hand(first, x, seen, spec.shape.heads, spec.norm_eps) + x) *
                      keys[i].to(at::kDouble));
    }
    for (std::int64_t l = 0; l < kLength; ++l) {
      std::vector<at::Tensor> there;
      std::vector<std::int64_t> seen, all;
      for (std::int64_t i = 0; i < kCount; ++i) {
        there.push_back(keyed[static_cast<std::size_t>(i)][l]);
        all.push_back(i);
        if (l < ends[g][i]) seen.push_back(i);
      }
      const at::Tensor x = at::stack(there);
      const at::Tensor met =
          layer_by_hand(second, x, seen.empty() ? all : seen, spec.shape.heads, spec.norm_eps);
      expected[g][l] = (met + x).mean(0);
    }
  }
  const ContextualMultiplexer mux({keys, std::move(along), std::move(across)});
  EXPECT_LE(relative_error(mux.mix_in(instances, {.real = real}), expected.to(at::kFloat)), 1e-5);
}

/// Unmasked, its layers are the layers of an encoder.
TEST(ContextualMux, ALayerWithoutPadsIsThatOfTheModel) {
  const c10::InferenceMode inference;
  const Model model = small_encoder();
  const at::Tensor rows = formula(4 * 6, model.spec().width, 0.77, 0.23, 1);
  const at::Tensor found = pass_padded(model.layers()[1], rows, {.sequences = 4, .length = 6});
  EXPECT_LE(relative_error(found, model.run_layer(model.layers()[1], 1, rows, 4)), 1e-5);
}

/// What stands at pads reaches no other row, but is in the mean of its own position.
TEST(ContextualMux, PadsAreNotLookedAt) {
  const c10::InferenceMode inference;
  const Variant variant{.contextual = true};
  const ModelSpec spec = small_encoder().spec();
  const auto mux = multiplexer_of(variant, spec);
  at::Tensor instances = formula(2 * 6, spec.width, 0.77, 0.23, 1).view({1, 2, 6, -1});
  at::Tensor real = at::ones({1, 2, 6}, at::kBool);
  real[0][1].narrow(0, 4, 2).fill_(false);
  const at::Tensor before = mux->mix_in(instances, {.real = real});
  instances[0][1].narrow(0, 4, 2).add_(1);
  const at::Tensor after = mux->mix_in(instances, {.real = real});
  EXPECT_TRUE(after.narrow(1, 0, 4).equal(before.narrow(1, 0, 4)));
  EXPECT_GT((after - before).narrow(1, 4, 2).abs().max().item<double>(), 1e-4);
  EXPECT_GT((mux->mix(instances) - after).narrow(1, 0, 4).abs().max().item<double>(), 1e-4);
}

TEST(ContextualMux, DropsWhatThePassDrops) {
  const auto mux = multiplexer_of({.contextual = true}, small_encoder().spec());
  const at::Tensor instances = formula(2 * 6, 32, 0.77, 0.23, 1).view({1, 2, 6, -1});
  const at::Tensor whole = mux->mix(instances);
  EXPECT_FALSE(mux->mix_in(instances, {.real = {}, .hidden_dropout = 0.5}).allclose(whole));
  EXPECT_FALSE(mux->mix_in(instances, {.real = {}, .attention_dropout = 0.5}).allclose(whole));
}

}  // namespace
}  // namespace assay::mux
