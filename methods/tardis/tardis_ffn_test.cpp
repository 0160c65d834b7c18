// The executed forms of the block against each other and against the plain one.
#include "methods/tardis/tardis_ffn.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/where.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "methods/tardis/block_fixture.h"
#include "methods/tardis/quality.h"

namespace assay {
namespace {

constexpr std::int64_t kWidth = 64;
constexpr std::int64_t kNeurons = 256;

PlainFfn gelu_ffn(at::ScalarType dtype = at::kFloat) {
  return random_ffn(kWidth, kNeurons, ActivationKind::kGelu, dtype, 11);
}

at::Tensor inputs(std::int64_t rows, at::ScalarType dtype = at::kFloat) {
  return normal_tensor({rows, kWidth}, 1, 21).to(dtype);
}

at::Tensor plain(const PlainFfn& ffn, const at::Tensor& x) {
  return at::mm(at::gelu(at::mm(x, ffn.up.t()).add(ffn.up_bias)), ffn.down).add(ffn.down_bias);
}

double relative(const at::Tensor& value, const at::Tensor& truth) {
  return value.sub(truth).to(at::kDouble).norm().item<double>() /
         truth.to(at::kDouble).norm().item<double>();
}

class Log final : public StepObserver {
 public:
  void observe(std::int64_t layer, const StepFact& fact, const at::Tensor& values) override {
    EXPECT_EQ(layer, 3);
    seen[fact.name] = values;
  }
  std::map<std::string, at::Tensor> seen;
};

StepContext step_of(Phase phase, StepObserver* observer) {
  StepContext step;
  step.phase = phase;
  step.layer = 3;
  step.observer = observer;
  return step;
}

TEST(TardisBlock, MaskedEqualsGatheredForEveryToken) {
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const TardisFfn block = oracle_block(gelu_ffn(dtype), equal_windows(kNeurons, -3, 0.4, 0.1, 0));
    const at::Tensor x = inputs(40, dtype);
    const StepContext step;
    const at::Tensor masked = block.masked(x, step);
    ASSERT_EQ(masked.scalar_type(), dtype);
    for (std::int64_t i = 0; i < x.size(0); ++i) {
      const at::Tensor one = block.gathered(x.narrow(0, i, 1), step);
      ASSERT_EQ(one.scalar_type(), dtype);
      EXPECT_LT(relative(one, masked.narrow(0, i, 1)), dtype == at::kFloat ? 1e-5 : 5e-3) << i;
    }
  }
}

TEST(TardisBlock, WithEveryNeuronOutsideIsThePlainBlock) {
  const PlainFfn ffn = gelu_ffn();
  const TardisFfn block = oracle_block(ffn, equal_windows(kNeurons, 1, -1, 0.3, -0.2));
  const at::Tensor x = inputs(5);
  const StepContext step;
  EXPECT_LT(relative(block.masked(x, step), plain(ffn, x)), 1e-5);
  EXPECT_LT(relative(block.gathered(x, step), plain(ffn, x)), 1e-5);
}

TEST(TardisBlock, WithNoNeuronOutsideIsTheFold) {
  const PlainFfn ffn = gelu_ffn();
  const TardisFfn block = oracle_block(ffn, equal_windows(kNeurons, -100, 100, 0.3, -0.2));
  const at::Tensor x = inputs(5);
  const at::Tensor line = at::mm(x, ffn.up.t()).add(ffn.up_bias).mul(0.3).sub(0.2);
  const at::Tensor truth = at::mm(line, ffn.down).add(ffn.down_bias);
  const StepContext step;
  EXPECT_LT(relative(block.masked(x, step), truth), 1e-5);
  EXPECT_LT(relative(block.gathered(x, step), truth), 1e-5);
}

/// Where the line is right, computing the neuron all the same changes nothing.
TEST(TardisBlock, FalsePositivesChangeNothing) {
  const PlainFfn ffn = random_ffn(kWidth, kNeurons, ActivationKind::kRelu, at::kFloat, 31);
  const TardisFfn exact = oracle_block(ffn, equal_windows(kNeurons, -1000, 0, 0, 0));
  const TardisFfn eager = oracle_block(ffn, equal_windows(kNeurons, -0.5, -0.3, 0, 0));
  const at::Tensor x = inputs(20);
  const StepContext step;
  EXPECT_LT(relative(eager.masked(x, step), exact.masked(x, step)), 1e-5);
  EXPECT_LT(relative(eager.gathered(x, step), exact.gathered(x, step)), 1e-5);
}

TEST(TardisBlock, TellsHowManyNeuronsEachTokenTook) {
  const PlainFfn ffn = gelu_ffn();
  const TardisFfn block = oracle_block(ffn, equal_windows(kNeurons, -3, 0.4, 0.1, 0));
  const at::Tensor x = inputs(6), z = at::mm(x, ffn.up.t()).add(ffn.up_bias);
  const at::Tensor share = z.lt(-3).logical_or(z.gt(0.4)).to(at::kFloat).mean(1);
  const double bytes_of_one = (2 * kWidth + 1) * 4 + 2 * 4;  // rows, bias; slope, intercept
  Log masked, gathered;
  static_cast<void>(block.masked(x, step_of(Phase::kScore, &masked)));
  static_cast<void>(block.gathered(x, step_of(Phase::kDecode, &gathered)));
  for (Log* log : {&masked, &gathered}) {
    EXPECT_TRUE(log->seen[kFallbackShare.name].allclose(share, 0, 1e-6));
    EXPECT_TRUE(log->seen[kTouchedBytes.name].allclose(share.mul(kNeurons * bytes_of_one)));
    const double work_of_one = 2 * 2 * kWidth + 1 + 3;  // up and down, bias; line and difference
    EXPECT_TRUE(log->seen[kFlopsPerToken.name].allclose(share.mul(kNeurons * work_of_one)));
  }
}

/// Decides for the block, and keeps what it would have done.
class Judge final : public RoutingHook {
 public:
  explicit Judge(at::Tensor verdict) : verdict_(std::move(verdict)) {}
  at::Tensor settle(const StepContext&, RoutingSite, const at::Tensor& found) override {
    seen = found.clone();
    return verdict_;
  }
  at::Tensor seen;

 private:
  at::Tensor verdict_;
};

TEST(TardisBlock, FixesWhatOthersDecided) {
  const PlainFfn ffn = gelu_ffn();
  const TardisFfn block = oracle_block(ffn, equal_windows(kNeurons, -3, 0.4, 0.1, 0));
  const at::Tensor x = inputs(7), verdict = at::rand({7, kNeurons}).lt(0.3);
  const at::Tensor z = at::mm(x, ffn.up.t()).add(ffn.up_bias);
  const at::Tensor hidden = at::where(verdict, at::gelu(z), z.mul(0.1));
  const at::Tensor expected = at::mm(hidden, ffn.down).add(ffn.down_bias);
  Judge judge(verdict);
  StepContext step;
  step.routing = &judge;
  EXPECT_LT(relative(block.masked(x, step), expected), 1e-5);
  EXPECT_TRUE(judge.seen.equal(z.lt(-3).logical_or(z.gt(0.4))));
  EXPECT_LT(relative(block.gathered(x, step), expected), 1e-5);
  EXPECT_TRUE(judge.seen.equal(z.lt(-3).logical_or(z.gt(0.4))));
}

TEST(TardisBlock, PromptsAndBatchesFollowTheirPolicy) {
  const PlainFfn ffn = gelu_ffn();
  const NeuronWindows windows = equal_windows(kNeurons, -3, 0.4, 0.1, 0);
  ModelSpec spec;
  spec.layers = 4;
  spec.shape.kv_heads = 1;
  spec.shape.head_dim = 8;
  KvCache cache(spec, 1, 8, at::kFloat, at::kCPU);
  const at::Tensor x = inputs(6);
  for (const ManyRows how : {ManyRows::kDense, ManyRows::kFoldOnly, ManyRows::kPerRow}) {
    const TardisFfn block = oracle_block(ffn, windows, {.prefill = how, .batch = how});
    StepContext step;
    const at::Tensor alone = block.masked(x, step);
    const at::Tensor fold =
        at::mm(at::mm(x, ffn.up.t()).add(ffn.up_bias).mul(0.1), ffn.down).add(ffn.down_bias);
    const at::Tensor expected = how == ManyRows::kDense      ? plain(ffn, x)
                                : how == ManyRows::kFoldOnly ? fold
                                                             : alone;
    step.phase = Phase::kDecode;
    EXPECT_LT(relative(block.forward(x, step), expected), 1e-5);
    step.phase = Phase::kScore;
    EXPECT_LT(relative(block.forward(x, step), alone), 1e-5);
    step.phase = Phase::kPrefill;
    step.cache = &cache;
    EXPECT_LT(relative(block.forward(x, step), expected), 1e-5);
    EXPECT_EQ(block.prefill_equals_decode(), how == ManyRows::kPerRow);
  }
}

TEST(TardisBlock, ADensePromptReadsTheBlockAndNotTheFold) {
  const TardisFfn block = oracle_block(gelu_ffn(), equal_windows(kNeurons, -3, 0.4, 0.1, 0),
                                       {.batch = ManyRows::kDense});
  Log log;
  StepContext step = step_of(Phase::kDecode, &log);
  static_cast<void>(block.forward(inputs(3), step));
  const double read = log.seen[kTouchedBytes.name][0].item<double>() +
                      static_cast<double>(block.cost().touched_bytes);
  EXPECT_EQ(read, 4.0 * (2 * kWidth + 1) * kNeurons);
  const double done = log.seen[kFlopsPerToken.name][0].item<double>() +
                      static_cast<double>(block.cost().flops_per_token);
  EXPECT_EQ(done, (4.0 * kWidth + 1) * kNeurons);
}

TEST(TardisBlock, CountsWhatItHolds) {
  const PlainFfn ffn = gelu_ffn();
  const TardisFfn block = oracle_block(ffn, equal_windows(kNeurons, -3, 0.4, 0.1, 0));
  const Cost cost = block.cost();
  const std::int64_t fold = kWidth * kWidth + kWidth, first = kWidth * kNeurons + kNeurons;
  const std::int64_t second = kWidth * kNeurons + kWidth, windows = 4 * kNeurons;
  EXPECT_EQ(cost.resident_bytes, 4 * (fold + first + second + windows));
  EXPECT_EQ(cost.touched_bytes, 4 * (fold + first + 2 * kNeurons));  // the oracle reads it all
  EXPECT_EQ(cost.host_bytes, 0);
}

TEST(TardisBlock, CopiesShareNothing) {
  const PlainFfn ffn = gelu_ffn();
  const TardisFfn block =
      oracle_block(ffn, equal_windows(kNeurons, -3, 0.4, 0.1, 0), {.prefill = ManyRows::kFoldOnly});
  const std::unique_ptr<Ffn> copy = clone_block<Ffn>(block);
  const at::Tensor x = inputs(1);
  StepContext step;
  step.phase = Phase::kDecode;
  const at::Tensor before = copy->forward(x, step).clone();
  EXPECT_EQ(copy->cost().resident_bytes, block.cost().resident_bytes);
  for (const at::Tensor& weight : {ffn.up, ffn.up_bias, ffn.down, ffn.down_bias}) weight.zero_();
  EXPECT_TRUE(copy->forward(x, step).equal(before));
  EXPECT_EQ(copy->linear(Slot::kUp), nullptr);
  EXPECT_THROW(copy->replace_linear(Slot::kUp, nullptr), std::logic_error);
}

TEST(UnionShare, OfIndependentTokensIsTheKnownRule) {
  for (const double f : {0.02, 0.075, 0.3}) {
    const at::Tensor chosen = at::rand({4096, 200}).lt(f);
    for (const std::int64_t batch : {1, 2, 8, 32}) {
      EXPECT_NEAR(union_share(chosen, batch), 1 - std::pow(1 - f, batch), 0.01);
    }
  }
  EXPECT_EQ(union_share(at::rand({4, 3}).lt(0.5), 8), 0);
}

TEST(PackedPredictor, SaysTheSameOfATokenAloneAndAmongMany) {
  const PlainFfn ffn = random_ffn(kWidth, kNeurons, ActivationKind::kGelu, at::kFloat, 3);
  const at::Tensor x = normal_tensor({37, kWidth}, 1.0, 9).to(at::kFloat);
  PredictorOptions options;
  options.kind = PredictorKind::kRtn4;
  options.group = 32;
  Artefact artefact;
  store_predictor(artefact, "p", options, ffn.up, at::mm(x.t(), x), [](double, double) {});
  const NeuronPredictor predictor(artefact, "p", options.kind, ffn);
  const at::Tensor together = predictor(x);
  for (std::int64_t row = 0; row < x.size(0); ++row) {
    EXPECT_TRUE(together.narrow(0, row, 1).equal(predictor(x.narrow(0, row, 1)))) << row;
  }
}

}  // namespace
}  // namespace assay
