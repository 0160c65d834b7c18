// What holds for every kind of multiplexer and demultiplexer: passes against transformers' BERT and
// ELECTRA (tests/data/mux/variants.json), and what must hold by design.

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "harness/model/golden_cases.h"
#include "harness/model/packed_sequences.h"
#include "harness/mux/variants_fixture.h"

namespace assay::mux {
namespace {

PackedTokens packed_json(const Json& sequences) {
  std::vector<at::Tensor> rows;
  for (const Json& sequence : sequences) {
    rows.push_back(at::tensor(sequence.get<std::vector<std::int64_t>>(), at::kLong));
  }
  return pack_sequences(rows);
}

TEST(MuxVariants, PassesAreThoseOfTransformers) {
  const c10::InferenceMode inference;
  const Json goldens = read_json_file(source_dir() / "tests/data/mux/variants.json");
  ASSERT_EQ(goldens.at("cases").size(), 9U);
  for (const Json& golden : goldens.at("cases")) {
    const Variant variant{.instances = golden.at("instances").get<std::int64_t>(),
                          .contextual = golden.at("contextual").get<bool>(),
                          .prefix = golden.at("prefix").get<bool>()};
    const at::Tensor scores =
        small_mux(variant).sequence_logits(packed_json(golden.at("sequences")));
    std::vector<at::Tensor> expected;
    for (const Json& row : golden.at("scores")) {
      expected.push_back(at::tensor(row.get<std::vector<double>>(), at::kFloat));
    }
    EXPECT_LE(relative_error(scores, at::stack(expected)), 2e-5)
        << variant.instances << variant.contextual << variant.prefix;
  }
}

TEST(MuxVariants, APackedPassIsThatOfABatch) {
  const c10::InferenceMode inference;
  for (const Variant& variant : kVariants) {
    const Model model = small_mux(variant);
    const at::Tensor tokens = tokens_of(6, 7);
    EXPECT_TRUE(model.sequence_logits(tokens).allclose(
        model.sequence_logits(pack_sequences(tokens.unbind(0))), 1e-5, 1e-5));
  }
}

TEST(MuxVariants, GroupsDoNotMatterToEachOtherAndPlacesInAGroupDo) {
  const c10::InferenceMode inference;
  for (const Variant& variant : kVariants) {
    const Model model = small_mux(variant);
    const std::int64_t n = variant.instances;
    const at::Tensor tokens = tokens_of(3 * n, 5), scores = model.sequence_logits(tokens);
    const auto rolled = [&](const at::Tensor& rows) { return rows.roll({n}, {0}); };
    // The last rows of a product may be summed in another order than those before them.
    EXPECT_TRUE(model.sequence_logits(rolled(tokens)).allclose(rolled(scores), 1e-5, 1e-6));
    at::Tensor places = at::arange(3 * n, at::kLong);
    places[0] = 1;
    places[1] = 0;
    const at::Tensor swapped = model.sequence_logits(tokens.index_select(0, places));
    EXPECT_GT((swapped.index_select(0, places) - scores)[0].abs().max().item<double>(), 1e-4);
    EXPECT_TRUE(swapped.narrow(0, n, 2 * n).equal(scores.narrow(0, n, 2 * n)));
  }
}

TEST(MuxVariants, AGroupThatIsNotFullIsFilled) {
  const c10::InferenceMode inference;
  for (const Variant& variant : kVariants) {
    const Model model = small_mux(variant);
    const std::int64_t n = variant.instances;
    const at::Tensor tokens = tokens_of(2 * n - 1, 4), scores = model.sequence_logits(tokens);
    ASSERT_EQ(scores.size(0), 2 * n - 1);
    const at::Tensor full = model.sequence_logits(at::cat({tokens, tokens.narrow(0, 0, 1)}));
    EXPECT_TRUE(scores.allclose(full.narrow(0, 0, 2 * n - 1), 1e-5, 1e-5));
  }
}

/// In groups of one sequence and its copies, the mean over the copies' places is what one of the
/// plain model's groups gives.
TEST(MuxVariants, AnEnsembleOfOneTextIsTheMeanOfItsPlaces) {
  const c10::InferenceMode inference;
  for (const Variant& variant : kVariants) {
    const at::Tensor text = tokens_of(1, 6);
    const at::Tensor places =
        small_mux(variant).sequence_logits(text.expand({variant.instances, 6}).contiguous());
    const at::Tensor mean = small_mux(variant, /*ensemble=*/true).sequence_logits(text);
    EXPECT_TRUE(mean.allclose(places.mean(0, true), 1e-5, 1e-5));
  }
}

TEST(MuxVariants, CopiesComputeTheSameAndCountTheirTensors) {
  const c10::InferenceMode inference;
  for (const Variant& variant : kVariants) {
    const Model model = small_mux(variant);
    const at::Tensor tokens = tokens_of(2 * variant.instances, 6);
    const at::Tensor scores = model.sequence_logits(tokens);
    Model twin = model.clone();
    EXPECT_TRUE(twin.sequence_logits(tokens).equal(scores));
    std::int64_t elements = 0;
    for (const Parameter& parameter : model.parameters()) elements += parameter.tensor.numel();
    EXPECT_EQ(model.cost().params, elements);
    // A copy has tensors of its own.
    for (const Parameter& parameter : twin.parameters()) parameter.tensor.zero_();
    EXPECT_TRUE(model.sequence_logits(tokens).equal(scores));
  }
}

TEST(MuxVariants, GradientsReachWhatTrains) {
  for (const Variant& variant : kVariants) {
    Model model = small_mux(variant);
    model.visit_tensors([](const std::string& name, at::Tensor& tensor) {
      tensor = tensor.clone().requires_grad_(name != "mux.keys");
    });
    const PackedTokens packed =
        pack_sequences({at::tensor({5L, 6L, 7L, 8L}), at::tensor({9L, 3L}), at::tensor({4L})});
    model.sequence_logits(packed).square().sum().backward();
    for (const Parameter& parameter : model.parameters()) {
      // Of a softmax over keys a constant in all of them is no part.
      if (parameter.name == "mux.keys" || parameter.name.ends_with("k.bias")) continue;
      ASSERT_TRUE(parameter.tensor.grad().defined()) << parameter.name;
      EXPECT_GT(parameter.tensor.grad().abs().max().item<double>(), 0) << parameter.name;
    }
  }
}

}  // namespace
}  // namespace assay::mux
