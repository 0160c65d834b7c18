// RevMUX passes against loops over sequences, positions and instances, and against what must hold
// by design.

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/model/golden_cases.h"
#include "harness/model/packed_sequences.h"
#include "harness/mux/rev_mux_fixture.h"

namespace assay::mux {
namespace {

TEST(RevMux, PassesAreThoseOfLoops) {
  const c10::InferenceMode inference;
  std::vector<at::Tensor> tokens, types;
  for (const std::int64_t length : {5, 2, 6, 1, 4}) {
    tokens.push_back((at::arange(length, at::kLong) * 11 + length).remainder(60) + 1);
    types.push_back(at::arange(length, at::kLong).ge(length / 2).to(at::kLong));
  }
  for (const Form& form : kForms) {
    const Model model = small_rev(form);
    const at::Tensor found = model.sequence_logits(pack_sequences(tokens, types));
    EXPECT_LE(relative_error(found, Naive(model, form).scores(tokens, types)), 1e-5)
        << form.instances << form.unmixed << form.twice;
  }
}

TEST(RevMux, APackedPassIsThatOfABatch) {
  const c10::InferenceMode inference;
  for (const Form& form : kForms) {
    const Model model = small_rev(form);
    const at::Tensor tokens = tokens_of(8, 7), whole = model.sequence_logits(tokens);
    ASSERT_EQ(whole.size(0), 8);
    EXPECT_TRUE(
        whole.allclose(model.sequence_logits(pack_sequences(tokens.unbind(0))), 1e-5, 1e-5));
  }
}

TEST(RevMux, GroupsDoNotMatterToEachOtherAndPlacesInAGroupDo) {
  const c10::InferenceMode inference;
  for (const Form& form : kForms) {
    if (form.instances == 1) continue;
    const Model model = small_rev(form);
    const std::int64_t n = form.instances;
    const at::Tensor tokens = tokens_of(3 * n, 5), scores = model.sequence_logits(tokens);
    const auto rolled = [&](const at::Tensor& rows) { return rows.roll({n}, {0}); };
    EXPECT_TRUE(model.sequence_logits(rolled(tokens)).allclose(rolled(scores), 1e-5, 1e-5));
    at::Tensor places = at::arange(3 * n, at::kLong);
    places[0] = 1;
    places[1] = 0;
    const at::Tensor swapped = model.sequence_logits(tokens.index_select(0, places));
    EXPECT_GT((swapped.index_select(0, places) - scores)[0].abs().max().item<double>(), 1e-5);
    EXPECT_TRUE(swapped.narrow(0, n, 2 * n).allclose(scores.narrow(0, n, 2 * n), 1e-5, 1e-5));
  }
}

TEST(RevMux, AGroupThatIsNotFullIsFilled) {
  const c10::InferenceMode inference;
  const Model model = small_rev({.instances = 4});
  const at::Tensor tokens = tokens_of(6, 4), scores = model.sequence_logits(tokens);
  ASSERT_EQ(scores.size(0), 6);
  const at::Tensor full = model.sequence_logits(at::cat({tokens, tokens.narrow(0, 0, 2)}));
  EXPECT_TRUE(scores.allclose(full.narrow(0, 0, 6), 1e-5, 1e-5));
  // Fewer than a group has.
  const at::Tensor one = tokens.narrow(0, 2, 1);
  EXPECT_TRUE(model.sequence_logits(one).allclose(
      model.sequence_logits(one.expand({4, 4}).contiguous()).narrow(0, 0, 1), 1e-5, 1e-5));
}

/// No layer between, no second pass through the embeddings, no pooler: what is told apart is what
/// went in, whatever the nets do.
TEST(RevMux, WhereNothingStandsBetweenInstancesComeBack) {
  const c10::InferenceMode inference;
  const std::int64_t layers = small_encoder().layer_count();
  for (const std::int64_t n : {1, 2, 4}) {
    const Form form{.instances = n, .unmixed = layers, .twice = false, .pooler = false};
    const Model model = small_rev(form);
    ASSERT_EQ(model.layer_count(), 0);
    const at::Tensor tokens = tokens_of(8, 6);
    std::map<std::string, at::Tensor> tensors;
    for (const Parameter& one : model.parameters()) tensors[one.name] = one.tensor;
    const auto linear = [&](const std::string& name, const at::Tensor& rows) {
      return rows.matmul(tensors.at(name + ".weight").t()) + tensors.at(name + ".bias");
    };
    const at::Tensor whole = small_encoder().hidden(tokens).view({8, 6, -1}).select(1, 0);
    const at::Tensor up = linear("rev.up.0", linear("rev.down", whole)).clamp_min(0);
    const at::Tensor expected =
        linear("head", linear("rev.up.2", linear("rev.up.1", up).clamp_min(0)));
    EXPECT_LE(relative_error(model.sequence_logits(tokens), expected), 1e-5) << n;
  }
}

TEST(RevMux, CopiesComputeTheSameAndCountTheirTensors) {
  const c10::InferenceMode inference;
  for (const Form& form : kForms) {
    const Model model = small_rev(form);
    const at::Tensor tokens = tokens_of(4, 6), scores = model.sequence_logits(tokens);
    Model twin = model.clone(), second = model.share();
    EXPECT_TRUE(twin.sequence_logits(tokens).equal(scores));
    EXPECT_TRUE(second.sequence_logits(tokens).equal(scores));
    std::int64_t elements = 0;
    const std::vector<Parameter> parameters = model.parameters(), same = second.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      elements += parameters[i].tensor.numel();
      EXPECT_EQ(parameters[i].tensor.data_ptr(), same[i].tensor.data_ptr());
    }
    EXPECT_EQ(model.cost().params, elements);
    for (const Parameter& parameter : twin.parameters()) parameter.tensor.zero_();
    EXPECT_TRUE(model.sequence_logits(tokens).equal(scores));
  }
}

/// A clone's output inverts the clone's chain, not that of the model which it was cloned from.
TEST(RevMux, ACloneHasOneChain) {
  const c10::InferenceMode inference;
  const Form form;
  const Model model = small_rev(form);
  Model twin = model.clone();
  static_cast<void>(model.clone());
  Model late = twin.clone();
  for (const Parameter& parameter : late.parameters()) {
    if (parameter.name.starts_with("rev.chain.")) parameter.tensor.mul_(-0.7);
  }
  const std::vector<at::Tensor> tokens = tokens_of(4, 6).unbind(0);
  const std::vector<at::Tensor> types(4, at::zeros({6}, at::kLong));
  const at::Tensor found = late.sequence_logits(at::stack(tokens));
  EXPECT_LE(relative_error(found, Naive(late, form).scores(tokens, types)), 1e-5);
  EXPECT_GT(relative_error(found, model.sequence_logits(at::stack(tokens))), 1e-3);
}

TEST(RevMux, AnOutputIsSharedWithItsInputOnly) {
  const Model model = small_rev({});
  EXPECT_THROW(static_cast<void>(model.output().share()), std::logic_error);
}

/// Layers below run for each sequence, those above for each group: N L / (N k + L - k) less work.
TEST(RevMux, TheWorkOfTheUpperLayersIsShared) {
  const Model plain = small_encoder();
  const std::int64_t layers = plain.layer_count();
  const std::int64_t layer = plain.layers().front().cost().flops_per_token;
  for (const Form& form : kForms) {
    const Model model = small_rev(form);
    const std::int64_t width = model.spec().width, n = form.instances, part = width / n;
    const std::int64_t mixed = model.cost().flops_per_token - model.input().cost().flops_per_token;
    EXPECT_EQ(mixed, (layers - form.unmixed) * layer / n);
    const auto linear = [](std::int64_t out, std::int64_t in) { return 2 * out * in + out; };
    const std::int64_t coupled = n == 1 ? 0 : linear(width, part) + linear(part, width);
    EXPECT_EQ(model.input().cost().flops_per_token, plain.input().cost().flops_per_token +
                                                        form.unmixed * layer + linear(part, width) +
                                                        coupled);
    const std::int64_t up = linear(3 * width, part) + linear(3 * width, 3 * width) +
                            linear(width, 3 * width) + linear(3, width);
    const std::int64_t pooled = form.pooler ? linear(width, width) : 0;
    EXPECT_EQ(model.output().cost().flops_per_token, up + (n * coupled + pooled) / n);
  }
}

TEST(RevMux, GradientsReachEverything) {
  for (const Form& form : kForms) {
    Model model = small_rev(form);
    model.visit_tensors([](const std::string&, at::Tensor& tensor) {
      tensor = tensor.clone().requires_grad_(true);
    });
    const PackedTokens packed =
        pack_sequences({at::tensor({5L, 6L, 7L, 8L}), at::tensor({9L, 3L}), at::tensor({4L})});
    model.sequence_logits(packed).square().sum().backward();
    for (const Parameter& parameter : model.parameters()) {
      // Of a softmax over keys a constant in all of them is no part.
      if (parameter.name.ends_with("k.bias")) continue;
      ASSERT_TRUE(parameter.tensor.grad().defined()) << parameter.name;
      EXPECT_GT(parameter.tensor.grad().abs().max().item<double>(), 0) << parameter.name;
    }
  }
}

std::map<std::string, at::Tensor> adapter_gradients(const Form& form, bool frozen) {
  Model model = small_rev(form);
  model.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    tensor = tensor.clone().requires_grad_(!frozen || name.starts_with("rev."));
  });
  model.sequence_logits(tokens_of(4, 6)).square().sum().backward();
  std::map<std::string, at::Tensor> gradients;
  for (const Parameter& parameter : model.parameters()) {
    const bool adapter = parameter.name.starts_with("rev.");
    EXPECT_EQ(parameter.tensor.grad().defined(), adapter || !frozen) << parameter.name;
    if (adapter) gradients[parameter.name] = parameter.tensor.grad();
  }
  return gradients;
}

/// Through layers that are frozen, whose kernels may be others.
TEST(RevMux, GradientsPassThroughAFrozenEncoder) {
  for (const Form& form : kForms) {
    const auto whole = adapter_gradients(form, false), frozen = adapter_gradients(form, true);
    for (const auto& [name, gradient] : whole) {
      EXPECT_LE(relative_error(frozen.at(name), gradient), 1e-5) << name;
    }
  }
}

/// Of a pass the parts that were mixed, with their pads.
TEST(RevMux, WhoWatchesSeesTheParts) {
  const c10::InferenceMode inference;
  const Form form{.unmixed = 0};
  Model model = small_rev(form);
  RevMuxPass pass;
  auto& input = const_cast<RevMuxInput&>(dynamic_cast<const RevMuxInput&>(model.input()));
  input.watch(&pass);
  const PackedTokens packed = pack_sequences(
      {at::tensor({5L, 6L, 7L}), at::tensor({9L, 3L}), at::tensor({4L}), at::tensor({4L, 8L})});
  static_cast<void>(model.sequence_logits(packed));
  EXPECT_EQ(pass.parts.sizes(), (at::IntArrayRef{2, 2, 3, model.spec().width / 2}));
  EXPECT_TRUE(pass.real.equal(
      at::tensor({1, 1, 1, 1, 1, 0, 1, 0, 0, 1, 1, 0}, at::kInt).to(at::kBool).view({2, 2, 3})));
  input.watch(nullptr);
  const at::Tensor kept = pass.parts;
  static_cast<void>(model.sequence_logits(tokens_of(4, 3)));
  EXPECT_TRUE(pass.parts.is_same(kept));
}

}  // namespace
}  // namespace assay::mux
