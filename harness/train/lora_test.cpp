#include "harness/train/lora.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>

#include "harness/train/classifier.h"
#include "harness/train/train_fixture.h"
#include "harness/train/trained_model.h"

namespace assay {
namespace {

bool in_attention(std::int64_t, Slot slot) { return slot == Slot::kQ || slot == Slot::kV; }

class Lora : public testing::Test {
 protected:
  DenseLinear dense_{at::randn({6, 4}), at::randn({6})};
  LoraSettings settings_{.rank = 2, .alpha = 6, .dropout = 0.5, .seed = 9};
  LoraLinear lora_{dense_, settings_, 0};
  at::Tensor rows_ = at::randn({5, 4});

  static at::Tensor tensor_of(LoraLinear& block, const std::string& wanted) {
    at::Tensor found;
    block.visit_tensors([&](const std::string& name, at::Tensor& t) {
      if (name == wanted) found = t;
    });
    return found;
  }
  [[nodiscard]] at::Tensor tensor(const std::string& wanted) { return tensor_of(lora_, wanted); }
};

TEST_F(Lora, BeginsAsTheDenseBlock) {
  EXPECT_TRUE(at::equal(lora_.forward(rows_), dense_.forward(rows_)));
  const at::Tensor a = tensor("lora_a");
  EXPECT_LE(a.abs().max().item<double>(), 0.5);  // 1 / sqrt(4)
  EXPECT_GT(a.abs().max().item<double>(), 0.1);
  LoraLinear same(dense_, settings_, 0), next(dense_, settings_, 1);
  EXPECT_TRUE(at::equal(tensor_of(same, "lora_a"), a));
  EXPECT_FALSE(at::equal(tensor_of(next, "lora_a"), a));
}

TEST_F(Lora, IsItsFormula) {
  at::Tensor b = tensor("lora_b");
  b.copy_(at::randn({6, 2}));
  const at::Tensor thin = rows_.matmul(tensor("lora_a").t()).matmul(b.t()).mul(3);
  EXPECT_LE(relative_error(lora_.forward(rows_), dense_.forward(rows_).add(thin)), 1e-6);
}

TEST_F(Lora, MergedComputesTheSame) {
  tensor("lora_b").copy_(at::randn({6, 2}));
  const DenseLinear merged = lora_.merged();
  EXPECT_LE(relative_error(merged.forward(rows_), lora_.forward(rows_)), 1e-5);
  EXPECT_FALSE(merged.weight().storage().data() == dense_.weight().storage().data());
  const std::unique_ptr<Linear> twin = lora_.share();
  EXPECT_TRUE(at::equal(twin->forward(rows_), lora_.forward(rows_)));
}

TEST_F(Lora, KeepsZerosInTrainingAndMerged) {
  settings_.keep_zeros = true;
  at::Tensor weight = dense_.weight();
  weight.narrow(0, 2, 2).zero_();
  const at::Tensor before = weight.clone();
  LoraLinear lora(dense_, settings_, 0);
  at::Tensor b = tensor_of(lora, "lora_b");
  b.copy_(at::randn({6, 2}));
  const DenseLinear merged = lora.merged();
  EXPECT_TRUE(at::equal(merged.weight().eq(0), before.eq(0)));
  EXPECT_FALSE(at::equal(merged.weight(), before));
  EXPECT_LE(relative_error(merged.forward(rows_), lora.forward(rows_)), 1e-5);
  b.requires_grad_();
  lora.forward(rows_).pow(2).sum().backward();
  EXPECT_EQ(b.grad().narrow(0, 2, 2).abs().max().item<double>(), 0) << "rows that are all zero";
  EXPECT_GT(b.grad().abs().max().item<double>(), 0);
  // Without zeros, nothing is masked: the bits of the usual product.
  const DenseLinear full(at::randn({6, 4}), at::Tensor());
  LoraSettings usual = settings_;
  usual.keep_zeros = false;
  EXPECT_TRUE(at::equal(LoraLinear(full, settings_, 0).forward(rows_),
                        LoraLinear(full, usual, 0).forward(rows_)));
}

TEST_F(Lora, GradientsEqualFiniteDifferencesAndReachOnlyTheThinMatrices) {
  tensor("lora_b").copy_(at::randn({6, 2}));
  for (const char* name : {"lora_a", "lora_b"}) tensor(name).requires_grad_();
  const auto loss = [&] { return lora_.forward(rows_).pow(2).mean(); };
  loss().backward();
  EXPECT_FALSE(dense_.weight().requires_grad());
  for (const char* name : {"lora_a", "lora_b"}) {
    const at::Tensor t = tensor(name);
    for (std::int64_t i = 0; i < t.numel(); ++i) {
      const auto moved = [&](double by) {
        t.data().view(-1)[i].add_(by);
        const double value = loss().item<double>();
        t.data().view(-1)[i].sub_(by);
        return value;
      };
      const double slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
      EXPECT_NEAR(t.grad().view(-1)[i].item<double>(), slope, 1e-2 * (1 + std::abs(slope)));
    }
  }
}

TEST_F(Lora, DropsOnlyWhatTheThinProductSees) {
  lora_.use_dropout(true);
  EXPECT_TRUE(at::equal(lora_.forward(rows_), dense_.forward(rows_)));  // B is zero
  tensor("lora_b").copy_(at::randn({6, 2}));
  EXPECT_FALSE(at::equal(lora_.forward(rows_), lora_.forward(rows_)));
  lora_.use_dropout(false);
  EXPECT_TRUE(at::equal(lora_.forward(rows_), lora_.forward(rows_)));
}

TEST_F(Lora, CostsWhatItHolds) {
  const Cost dense = dense_.cost(), both = lora_.cost();
  EXPECT_EQ(both.params, dense.params + 2 * 4 + 6 * 2);
  EXPECT_EQ(both.flops_per_token, dense.flops_per_token + 2 * (2 * 4 + 6 * 2));
}

class LoraModel : public testing::Test {
 protected:
  Model model_ = Model::load(encoder_folder() / "bert_classifier", {});
  PackedTokens packed_ =
      packed_batch(read_tensors(encoder_folder() / "bert_classifier" / "expected.safetensors"));
};

TEST_F(LoraModel, StartsAndEndsAsTheModel) {
  const at::Tensor before = model_.sequence_logits(packed_);
  const std::string hash = model_.content_hash();
  add_lora(model_, {.rank = 4}, in_attention);
  EXPECT_NE(model_.content_hash(), hash);
  EXPECT_LE(relative_error(model_.sequence_logits(packed_), before), 1e-6);
  merge_lora(model_);
  EXPECT_EQ(model_.content_hash(), hash);
  EXPECT_LE(relative_error(model_.sequence_logits(packed_), before), 1e-6);
}

TEST_F(LoraModel, OnlyTheThinMatricesTrain) {
  const LabelledItems items =
      golden_items(read_tensors(train_golden_folder() / "bert_classifier.safetensors"));
  const Model dense = model_.clone();
  add_lora(model_, {.rank = 4, .dropout = 0.1}, in_attention);
  ClassifierTraining settings;
  settings.loop.learning_rate = 0.02;
  settings.loop.batch = 8;
  settings.loop.epochs = 6;
  settings.parameters.trains = is_lora;
  const double before = score_classifier(model_, items, 8).loss;
  (void)train_classifier(model_, items, nullptr, settings);
  EXPECT_LT(score_classifier(model_, items, 8).loss, before - 0.05);
  const at::Tensor wrapped = model_.sequence_logits(packed_);
  merge_lora(model_);
  EXPECT_LE(relative_error(model_.sequence_logits(packed_), wrapped), 1e-5);
  for (const Parameter& parameter : dense.parameters()) {
    const bool adapted = parameter.id && !parameter.id->bias && parameter.id->layer >= 0 &&
                         in_attention(0, parameter.id->slot);
    EXPECT_NE(at::equal(model_.parameter(*parameter.id), parameter.tensor), adapted)
        << parameter.name;
  }
}

}  // namespace
}  // namespace assay
