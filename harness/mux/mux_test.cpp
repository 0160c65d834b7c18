// Multiplexed passes against transformers' BERT (tests/data/mux/small.json), against values of the
// released code on MiniLM where that model was imported, and against what must hold by design.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>

#include <cmath>

#include "harness/base/cell_errors.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/json.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/model/packed_sequences.h"
#include "harness/mux/mlp_demultiplexer.h"
#include "harness/mux/mux_input.h"
#include "harness/mux/mux_output.h"
#include "tests/support/formula.h"

namespace assay::mux {
namespace {

at::Tensor vector(std::int64_t columns, double b, double scale, double phase = 0) {
  return formula(1, columns, 0, b, scale, phase)[0];
}

at::Tensor keys_of(std::int64_t instances, std::int64_t width, double norm) {
  const at::Tensor raw = formula(instances, width, 1.7, 0.9, 1, 0.3);
  return raw / raw.norm(2, 1, true) * norm;
}

const EmbeddingInput& embedding_of(const Model& model) {
  return dynamic_cast<const EmbeddingInput&>(model.input());
}

PackedTokens packed(const Json& sequences) {
  std::vector<at::Tensor> rows;
  for (const Json& sequence : sequences) {
    rows.push_back(at::tensor(sequence.get<std::vector<std::int64_t>>(), at::kLong));
  }
  return pack_sequences(rows);
}

at::Tensor rows_of_json(const Json& rows) {
  std::vector<at::Tensor> all;
  for (const Json& row : rows)
    all.push_back(at::tensor(row.get<std::vector<double>>(), at::kFloat));
  return at::stack(all);
}

/// The model with another input and output.
void multiplex(Model& model, at::Tensor keys, IndexDemuxTensors demux, DenseLinear classifier,
               const MuxForm& form) {
  const EmbeddingInput embedding = embedding_of(model);
  model.replace_input(std::make_unique<MuxInput>(
      embedding, std::make_unique<HadamardMultiplexer>(std::move(keys)), form));
  const std::int64_t classes = classifier.out_features();
  model.replace_output(
      std::make_unique<MuxClassifier>(std::make_unique<IndexDemultiplexer>(std::move(demux)),
                                      std::move(classifier)),
      {.kind = OutputKind::kClassifier, .classes = classes, .labels = {}});
}

IndexDemuxTensors small_demux(std::int64_t instances, std::int64_t width) {
  const auto plain = [&](at::Tensor weight) {
    return DenseLinear(std::move(weight), at::zeros({width}));
  };
  return {.keys = formula(instances, width, 0.83, 0.41, 1, 0.7),
          .dense = {plain(formula(width, 2 * width, 0.37, 0.11, 0.2)),
                    plain(formula(width, width, 0.31, 0.13, 0.2, 0.2)),
                    plain(formula(width, width, 0.29, 0.17, 0.2, 0.4))},
          .norm = {.eps = 1e-12, .weight = at::ones({width}), .bias = at::zeros({width})}};
}

Model small_encoder() { return Model::load(encoder_folder() / "bert_model", {}); }

/// With the formula's multiplexer, demultiplexer and classifier.
Model small_mux(std::int64_t instances, bool twice = true) {
  Model model = small_encoder();
  const std::int64_t width = model.spec().width;
  multiplex(model, keys_of(instances, width, 4), small_demux(instances, width),
            {formula(3, width, 0.53, 0.07, 0.3, 0.9), at::zeros({3})}, {.places_twice = twice});
  return model;
}

TEST(Mux, PassesAreThoseOfTransformers) {
  const c10::InferenceMode inference;
  const Json goldens = read_json_file(source_dir() / "tests/data/mux/small.json");
  ASSERT_EQ(goldens.at("cases").size(), 6U);
  for (const Json& golden : goldens.at("cases")) {
    const auto instances = golden.at("instances").get<std::int64_t>();
    const Model model = small_mux(instances, golden.at("places_twice").get<bool>());
    const at::Tensor scores = model.sequence_logits(packed(golden.at("sequences")));
    EXPECT_LE(relative_error(scores, rows_of_json(golden.at("scores"))), 1e-5) << instances;
  }
}

/// The same sequences, of one length, as a whole batch and packed.
TEST(Mux, APackedPassIsThatOfABatch) {
  const c10::InferenceMode inference;
  const Model model = small_mux(2);
  const at::Tensor tokens = at::arange(4 * 6, at::kLong).remainder(70).view({4, 6});
  const at::Tensor whole = model.sequence_logits(tokens);
  EXPECT_EQ(whole.size(0), 4);
  EXPECT_TRUE(whole.allclose(model.sequence_logits(pack_sequences(tokens.unbind(0))), 1e-6, 1e-6));
}

/// Scores of the released code with three demultiplexer layers, on a model that is not in the
/// repository.
TEST(Mux, PassesAreThoseOfTheReleasedCode) {
  const std::filesystem::path folder = assay_home() / "models" / "minilm-l6";
  if (!std::filesystem::exists(folder / "config.json")) {
    GTEST_SKIP() << "needs `assay model import minilm-l6`";
  }
  const c10::InferenceMode inference;
  const Json golden = read_json_file(source_dir() / "tests/data/mux/mux_forward.json");
  for (const Json& one : golden.at("cases")) {
    const auto instances = one.at("N").get<std::int64_t>();
    const double norm = one.at("norm").get<double>();
    for (const bool twice : {true, false}) {
      Model model = Model::load(folder, {});
      const std::int64_t width = model.spec().width;
      IndexDemuxTensors demux{
          .keys = formula(instances, width, 0.83, 0.41, 1, 0.7),
          .dense = {{formula(width, 2 * width, .37, .11, .04), vector(width, .21, .02)},
                    {formula(width, width, .31, .13, .05, .2), vector(width, .23, .02, .1)},
                    {formula(width, width, .29, .17, .05, .4), vector(width, .19, .02, .2)}},
          .norm = {.eps = 1e-12,
                   .weight = 1 + vector(width, .7, .1),
                   .bias = vector(width, .6, .05, .3)}};
      multiplex(model, keys_of(instances, width, norm), std::move(demux),
                {formula(2, width, .53, .07, .05, .9), at::zeros({2})}, {.places_twice = twice});
      const at::Tensor tokens = rows_of_json(golden.at("ids")).to(at::kLong);
      const at::Tensor scores = model.sequence_logits(tokens);
      const at::Tensor expected =
          rows_of_json(one.at(twice ? "logits" : "logits_single_embedding_pass"));
      EXPECT_LE((scores - expected).abs().max().item<double>(), 2e-4) << instances << " " << norm;
    }
  }
}

/// One instance whose key is 1, without a second pass through the embeddings: the plain encoder.
TEST(Mux, OneInstanceWithKeyOneIsThePlainEncoder) {
  const c10::InferenceMode inference;
  const Model plain = small_encoder();
  Model model = small_encoder();
  const EmbeddingInput embedding = embedding_of(model);
  model.replace_input(std::make_unique<MuxInput>(
      embedding, std::make_unique<HadamardMultiplexer>(at::ones({1, plain.spec().width})),
      MuxForm{.places_twice = false}));
  const at::Tensor tokens = at::arange(3 * 7, at::kLong).remainder(70).view({3, 7});
  EXPECT_LE(relative_error(model.hidden(tokens), plain.hidden(tokens)), 1e-6);
}

TEST(Mux, GroupsDoNotMatterToEachOtherAndPlacesInAGroupDo) {
  const c10::InferenceMode inference;
  const Model model = small_mux(2);
  const at::Tensor tokens = (at::arange(6 * 5, at::kLong) * 7).remainder(70).view({6, 5});
  const at::Tensor scores = model.sequence_logits(tokens);
  const at::Tensor groups = at::tensor({4, 5, 0, 1, 2, 3}, at::kLong);
  EXPECT_TRUE(
      model.sequence_logits(tokens.index_select(0, groups)).equal(scores.index_select(0, groups)));
  const at::Tensor places = at::tensor({1, 0, 2, 3, 4, 5}, at::kLong);
  const at::Tensor swapped = model.sequence_logits(tokens.index_select(0, places));
  EXPECT_GT((swapped.index_select(0, places) - scores)[0].abs().max().item<double>(), 1e-3);
  EXPECT_TRUE(swapped.narrow(0, 2, 4).equal(scores.narrow(0, 2, 4)));
}

/// A last group that is not full is filled with the batch's own sequences, and their scores are
/// dropped: five sequences give five scores, those of the batch with the first one behind it.
TEST(Mux, AGroupThatIsNotFullIsFilled) {
  const c10::InferenceMode inference;
  const Model model = small_mux(3);
  const at::Tensor tokens = (at::arange(5 * 4, at::kLong) * 11).remainder(70).view({5, 4});
  const at::Tensor scores = model.sequence_logits(tokens);
  ASSERT_EQ(scores.size(0), 5);
  const at::Tensor full = model.sequence_logits(at::cat({tokens, tokens.narrow(0, 0, 1)}));
  EXPECT_TRUE(scores.equal(full.narrow(0, 0, 5)));
}

/// Eight rows of tokens in, two groups of four rows through the layers: which rows are read must
/// not be told from their number.
TEST(Mux, SequencesAreReadByGroupsWhateverTheRowsAdd) {
  const c10::InferenceMode inference;
  const Model model = small_mux(2);
  const PackedTokens packed =
      pack_sequences({at::tensor({5, 6, 7, 8}, at::kLong), at::tensor({9}, at::kLong),
                      at::tensor({10, 11}, at::kLong), at::tensor({12}, at::kLong)});
  ASSERT_EQ(model.hidden_packed(packed).size(0), packed.tokens.size(0));
  EXPECT_THAT(output_rows(model, packed), testing::ElementsAre(0, 4));
  const at::Tensor padded =
      at::tensor({5, 6, 7, 8, 9, 0, 0, 0, 10, 11, 0, 0, 12, 0, 0, 0}, at::kLong);
  EXPECT_TRUE(model.sequence_logits(packed).allclose(model.sequence_logits(padded.view({4, 4})),
                                                     1e-6, 1e-6));
}

TEST(Mux, WhatIsMeasuredLayerByLayerIsRefused) {
  const Model model = small_mux(1);
  EXPECT_TRUE(mixes_sequences(model));
  EXPECT_FALSE(mixes_sequences(small_encoder()));
  EXPECT_THROW(static_cast<void>(model.embed(at::ones({2, 4}, at::kLong))), DoesNotApply);
}

TEST(Mux, CopiesComputeTheSameAndCountTheirTensors) {
  const c10::InferenceMode inference;
  const Model model = small_mux(2);
  const at::Tensor tokens = at::arange(4 * 6, at::kLong).remainder(70).view({4, 6});
  EXPECT_TRUE(model.clone().sequence_logits(tokens).equal(model.sequence_logits(tokens)));
  const std::int64_t width = model.spec().width;
  std::int64_t elements = 0;
  for (const Parameter& parameter : model.parameters()) elements += parameter.tensor.numel();
  EXPECT_EQ(model.cost().params, elements);
  // Keys on both sides, three linears with biases, a norm; a classifier of three classes.
  const std::int64_t plain = small_encoder().cost().params;
  const std::int64_t demux = 2 * width + 4 * width * width + 3 * width + 2 * width;
  EXPECT_GE(elements, plain - width * width - width + 2 * width + demux + 3 * width + 3 - 1);
}

/// Every other part of a model costs a sequence as much as ever; the layers cost each a part.
TEST(Mux, TheWorkOfLayersIsShared) {
  const Model one = small_mux(1), three = small_mux(3);
  const auto layers = [](const Model& model) {
    return model.cost().flops_per_token - model.input().cost().flops_per_token;
  };
  EXPECT_EQ(layers(three), layers(one) / 3);
  EXPECT_EQ(layers(one), layers(small_encoder()));
  EXPECT_EQ(instances_of(three.input()), 3);
  EXPECT_EQ(instances_of(small_encoder().input()), 1);
}

/// An ensemble by hand: each sequence once in each place of groups whose other places are taken by
/// its neighbours, and the mean of its scores.
TEST(Mux, AnEnsembleIsTheMeanOverPlaces) {
  const c10::InferenceMode inference;
  constexpr std::int64_t kCount = 3;
  const Model plain = small_mux(kCount);
  Model ensemble = small_mux(kCount);
  const std::int64_t width = ensemble.spec().width;
  ensemble.replace_input(std::make_unique<MuxInput>(
      embedding_of(small_encoder()),
      std::make_unique<HadamardMultiplexer>(keys_of(kCount, width, 4)), MuxForm{.ensemble = true}));
  ensemble.replace_output(
      std::make_unique<MuxClassifier>(
          std::make_unique<IndexDemultiplexer>(small_demux(kCount, width)),
          DenseLinear(formula(3, width, 0.53, 0.07, 0.3, 0.9), at::zeros({3})), true),
      {.kind = OutputKind::kClassifier, .classes = 3, .labels = {}});
  for (const std::int64_t given : {5, 3, 2, 1}) {
    std::vector<at::Tensor> sequences;
    for (std::int64_t i = 0; i < given; ++i) {
      sequences.push_back(at::arange(6, at::kLong).add(7 * i).remainder(30));
    }
    at::Tensor expected = at::zeros({given, 3});
    for (std::int64_t g = 0; g < given; ++g) {
      std::vector<at::Tensor> group;
      std::vector<std::int64_t> members;
      for (std::int64_t place = 0; place < kCount; ++place) {
        members.push_back((g - place + kCount * given) % given);
        group.push_back(sequences[static_cast<std::size_t>(members.back())]);
      }
      const at::Tensor scores = plain.sequence_logits(pack_sequences(group));
      for (std::int64_t place = 0; place < kCount; ++place) {
        expected[members[static_cast<std::size_t>(place)]] += scores[place] / kCount;
      }
    }
    EXPECT_LE(relative_error(ensemble.sequence_logits(pack_sequences(sequences)), expected), 1e-5);
    EXPECT_LE(relative_error(ensemble.sequence_logits(at::stack(sequences)), expected), 1e-5);
  }
  EXPECT_EQ(instances_of(ensemble.input()), 1);
}

TEST(Multiplexers, MixAsTheyAreDefined) {
  const at::Tensor instances = at::tensor({1.F, 2.F, 3.F, 4.F}).view({1, 2, 1, 2});
  const HadamardMultiplexer mux(at::tensor({1.F, 0.5F, 2.F, -1.F}).view({2, 2}));
  EXPECT_TRUE(mux.mix(instances).view(-1).equal(at::tensor({3.5F, -1.5F})));
  const at::Tensor turn = at::tensor({0.F, 1.F, -1.F, 0.F}).view({2, 2});
  const OrthogonalMultiplexer orthogonal(at::stack({at::eye(2), turn}));
  // [1, 2] as it is, [3, 4] turned into [-4, 3]; over sqrt 2.
  EXPECT_TRUE(orthogonal.mix(instances).view(-1).allclose(at::tensor({-3.F, 5.F}) / std::sqrt(2.0),
                                                          1e-6, 1e-6));
}

TEST(Multiplexers, KeysAreWhatTheyShouldBe) {
  auto generator = at::make_generator<at::CPUGeneratorImpl>(3);
  const at::Tensor gaussian = gaussian_keys(4, 64, 20, generator);
  EXPECT_TRUE(gaussian.norm(2, 1).allclose(at::full({4}, 20, at::kFloat), 1e-5, 1e-5));
  EXPECT_GT((gaussian[0] - gaussian[1]).norm().item<double>(), 1);
  const at::Tensor binary = binary_keys(3, 8);
  EXPECT_TRUE(binary.sum(0).equal(at::ones({8})));
  EXPECT_TRUE(binary.sum(1).equal(at::tensor({2.F, 3.F, 3.F})));
  EXPECT_THROW(static_cast<void>(binary_keys(9, 8)), UserError);
  const at::Tensor turns = orthogonal_matrices(2, 16, generator);
  EXPECT_TRUE(
      turns.matmul(turns.transpose(1, 2)).allclose(at::eye(16).expand({2, 16, 16}), 1e-4, 1e-5));
}

TEST(IndexDemux, OneOfIsARowOfAll) {
  const std::int64_t width = 8;
  const IndexDemultiplexer demux(small_demux(3, width));
  const at::Tensor rows = formula(4, width, 0.3, 0.2, 1);
  const at::Tensor which = at::tensor({2, 0, 1, 2}, at::kLong);
  const at::Tensor all = demux.split(rows).view({4, 3, width});
  const at::Tensor one = demux.one_of(rows, which);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(one[i].allclose(all[i][which[i].item<std::int64_t>()], 1e-5, 1e-6));
  }
}

/// One row and one instance at a time.
TEST(MlpDemux, IsANetworkOfEachInstancesOwn) {
  const c10::InferenceMode inference;
  auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
  MlpDemuxTensors tensors = start_mlp_demux(3, 8, 0.5, 1e-5, generator);
  for (at::Tensor* tensor : {&tensors.biases, &tensors.norm_scale, &tensors.norm_shift}) {
    tensor->normal_(0.5, 1, generator);
  }
  tensors.norm.weight.normal_(1, 1, generator);
  const at::Tensor rows = at::empty({4, 8}).normal_(0, 1, generator);
  const auto normed = [](const at::Tensor& x) {
    return (x - x.mean()) / (x.var(0, false) + 1e-5).sqrt();
  };
  const auto gelu = [](const at::Tensor& x) { return x * 0.5 * (1 + (x / std::sqrt(2)).erf()); };
  const MlpDemultiplexer demux(tensors);
  const at::Tensor all = demux.split(rows);
  ASSERT_EQ(all.sizes(), (at::IntArrayRef{12, 8}));
  for (std::int64_t r = 0; r < 4; ++r) {
    for (std::int64_t i = 0; i < 3; ++i) {
      at::Tensor a = normed(gelu(tensors.weights[i].mv(rows[r]) + tensors.biases[i]));
      a = a * tensors.norm_scale[i] + tensors.norm_shift[i];
      a = normed(gelu(tensors.shared.weight().mv(a))) * tensors.norm.weight;
      EXPECT_LE(relative_error(all[3 * r + i], a), 1e-5) << r << ' ' << i;
    }
  }
  const at::Tensor which = at::tensor({2L, 0L, 1L, 2L}, at::kLong);
  const at::Tensor some = demux.one_of(rows, which);
  for (std::int64_t r = 0; r < 4; ++r) {
    EXPECT_LE(relative_error(some[r], all[3 * r + which[r].item<std::int64_t>()]), 1e-6);
  }
}

}  // namespace
}  // namespace assay::mux
