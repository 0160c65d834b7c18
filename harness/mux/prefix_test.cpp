// Prefixes, and the demultiplexer that reads them, against what they are by hand.

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/erf.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/cell_errors.h"
#include "harness/model/golden_cases.h"
#include "harness/model/mixing_input.h"
#include "harness/model/packed_sequences.h"
#include "harness/mux/retrieval.h"
#include "harness/mux/variants_fixture.h"

namespace assay::mux {
namespace {

TEST(Prefix, RowsAreThoseOfTheReleasedCode) {
  const at::Tensor rows = prefix_rows(prefix_tokens(30522, 3), 3);
  EXPECT_TRUE(rows.equal(
      at::tensor({678L, 680L, 680L, 101L, 680L, 677L, 680L, 101L, 680L, 680L, 676L, 101L})
          .view({3, 4})));
}

TEST(Prefix, OtherVocabulariesHaveTokensOfTheirOwn) {
  const PrefixTokens tokens = prefix_tokens(71, 4);
  EXPECT_THAT((std::vector{tokens.first_mark, tokens.filler, tokens.classified}),
              testing::ElementsAre(69, 65, 70));
  EXPECT_EQ(prefix_tokens(6, 4).filler, 0);
  EXPECT_THROW(static_cast<void>(prefix_tokens(5, 4)), std::logic_error);
  // As many marks as there are tokens without a text.
  EXPECT_EQ(prefix_tokens(30522, 575).first_mark, 678);
  EXPECT_EQ(prefix_tokens(30522, 576).first_mark, 30520);
}

/// Keys are rows of the group's own prefix: each group by hand.
TEST(PrefixDemux, ReadsTheKeysOfItsGroup) {
  const c10::InferenceMode inference;
  constexpr std::int64_t kCount = 3, kLength = 6, kWidth = 8;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  PrefixDemuxTensors tensors = start_prefix_demux(kWidth, 0.5, 1e-5, generator);
  const at::Tensor weight = tensors.dense.weight();
  const PrefixDemultiplexer demux(kCount, std::move(tensors));
  const at::Tensor pass = at::empty({2 * kLength, kWidth}).normal_(0, 1, generator);
  const auto by_hand = [&](std::int64_t group, std::int64_t i, std::int64_t position) {
    const at::Tensor both = at::cat({pass[group * kLength + i], pass[group * kLength + position]});
    const at::Tensor told = weight.mv(both);
    return normed(told * 0.5 * (1 + (told / std::sqrt(2.0)).erf()), 1e-5);
  };
  const at::Tensor read = pass.view({2, kLength, kWidth}).narrow(1, 0, demux.rows_read());
  const at::Tensor all = demux.split(read.reshape({-1, kWidth}));
  ASSERT_EQ(all.size(0), 2 * kCount);
  for (std::int64_t g = 0; g < 2; ++g) {
    for (std::int64_t i = 0; i < kCount; ++i) {
      EXPECT_LE(relative_error(all[g * kCount + i], by_hand(g, i, kCount)), 1e-5);
    }
  }
  const at::Tensor places = at::tensor({4L, 11L, 9L}), which = at::tensor({2L, 0L, 1L});
  const at::Tensor some = demux.one_of(demux.read_at(pass, kLength, places, which), which);
  EXPECT_LE(relative_error(some[0], by_hand(0, 2, 4)), 1e-5);
  EXPECT_LE(relative_error(some[1], by_hand(1, 0, 5)), 1e-5);
  EXPECT_LE(relative_error(some[2], by_hand(1, 1, 3)), 1e-5);
}

TEST(Prefix, RowsThatAreReadAreTheFirstOfEachGroup) {
  const c10::InferenceMode inference;
  const Model model = small_mux({.prefix = true});
  const PackedTokens packed = pack_sequences(
      {at::tensor({5L, 6L, 7L, 8L}), at::tensor({9L}), at::tensor({10L, 11L}), at::tensor({12L})});
  EXPECT_EQ(model.hidden_packed(packed).size(0), 2 * (3 + 4));
  EXPECT_THAT(output_rows(model, packed), testing::ElementsAre(0, 1, 2, 7, 8, 9));
  const auto& input = dynamic_cast<const MuxInput&>(model.input());
  const at::Tensor tokens = input.grouped_tokens(packed);
  EXPECT_TRUE(tokens[1][0].equal(at::tensor({68L, 60L, 69L, 10L, 11L, 0L, 0L})));
  EXPECT_TRUE(tokens[1][1].equal(at::tensor({60L, 67L, 69L, 12L, 0L, 0L, 0L})));
}

/// A length that sequences are padded to is theirs; prefixes come on top.
TEST(Prefix, StandsInFrontOfPaddedSequences) {
  const c10::InferenceMode inference;
  const Model plain = small_mux({.prefix = true});
  Model padded = small_mux({.prefix = true});
  padded.replace_input(
      std::make_unique<MuxInput>(dynamic_cast<const MuxInput&>(plain.input()).embedding(),
                                 multiplexer_of({.prefix = true}, plain.spec()),
                                 MuxForm{.length = 6, .prefix = kGoldenPrefix}));
  const PackedTokens packed = pack_sequences({at::tensor({5L, 6L}), at::tensor({9L})});
  EXPECT_EQ(padded.hidden_packed(packed).size(0), 3 + 6);
  const at::Tensor by_hand =
      at::tensor({5L, 6L, 0L, 0L, 0L, 0L, 9L, 0L, 0L, 0L, 0L, 0L}).view({2, 6});
  EXPECT_TRUE(padded.sequence_logits(packed).allclose(plain.sequence_logits(by_hand), 1e-5, 1e-5));
}

TEST(Prefix, IsNoQuestion) {
  const at::Tensor tokens = at::ones({20, 2, 9}, at::kLong);
  const RetrievalQuestions asked = draw_questions(tokens, 0, 1, 3);
  EXPECT_EQ(asked.rows.size(0), 20 * 6);
  EXPECT_GE(asked.rows.remainder(9).min().item<std::int64_t>(), 3);
}

TEST(Prefix, TooLongASequenceIsRefused) {
  const c10::InferenceMode inference;
  const Model model = small_mux({.prefix = true});
  EXPECT_EQ(model.sequence_logits(tokens_of(2, 37)).size(0), 2);
  EXPECT_THROW(static_cast<void>(model.sequence_logits(tokens_of(2, 38))), DoesNotApply);
}

/// Rows that are 0 in closed dimensions tell as much as rows without these.
TEST(PrefixDemux, NarrowRowsAreRowsWithZeros) {
  const c10::InferenceMode inference;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(4);
  const PrefixDemuxTensors tensors = start_prefix_demux(6, 0.5, 1e-12, generator);
  const at::Tensor kept = at::tensor({1L, 2L, 5L}, at::kLong);
  const at::Tensor narrow = at::empty({4 * 3, 3}).normal_(0, 1, generator);
  const at::Tensor wide = at::zeros({4 * 3, 6}).index_copy(1, kept, narrow);
  PrefixDemultiplexer demux(2, tensors);
  const at::Tensor expected = demux.split(wide);
  demux.select_width(kept);
  EXPECT_EQ(demux.width(), 6);
  EXPECT_LE(relative_error(demux.split(narrow), expected), 1e-6);
}

}  // namespace
}  // namespace assay::mux
