// Which differences between two paths are rounding, and which are not.
#include "harness/worker/path_check.h"

#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <memory>

#include "harness/compress/packed_linear.h"
#include "harness/compress/quantize.h"
#include "harness/method/tiny_model.h"
#include "harness/model/wrapped.h"
#include "harness/worker/failure.h"
#include "harness/worker/probe.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Adds `share` of each row's largest value to its first one, in steps over a cache only.
class TwoPathsFfn final : public WrappedFfn {
 public:
  TwoPathsFfn(std::unique_ptr<Ffn> inner, double share)
      : WrappedFfn(std::move(inner)), share_(share) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    at::Tensor out = inner().forward(rows, step);
    if (step.cache == nullptr) return out;
    out.select(1, 0).add_(std::get<0>(out.abs().max(1)), share_);
    return out;
  }
  std::unique_ptr<Ffn> wrap(std::unique_ptr<Ffn> inner) const override {
    return std::make_unique<TwoPathsFfn>(std::move(inner), share_);
  }

 private:
  double share_;
};

class Paths : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  Model tiny(TinyFamily family, std::uint64_t seed) {
    fs::remove_all(folder_);
    write_tiny_model(folder_, family, seed);
    return Model::load(folder_, {});
  }
  static void quantise(Model& model, int bits) {
    for (Layer& layer : model.layers()) {
      for (const Slot slot : layer.slots()) {
        const DenseLinear& dense = layer.dense(slot);
        auto packed = std::make_unique<PackedLinear>(
            pack(quantize_rtn(dense.weight(), {bits, 32})),
            dense.bias().defined() ? dense.bias().clone() : at::Tensor());
        layer.replace_linear(slot, std::move(packed));
      }
    }
  }
  static void tilt(Model& model, double share) {
    for (Layer& layer : model.layers()) {
      layer.ffn = std::make_unique<TwoPathsFfn>(std::move(layer.ffn), share);
    }
  }
  static bool same_paths(Model& model) {
    try {
      (void)PathCheck(model, "fp32").require_same_probe({});
      return true;
    } catch (const OutcomeFound&) {
      return false;
    }
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / "path_check_test";
  c10::InferenceMode inference_;
};

TEST_F(Paths, NoQuantisedModelIsTakenForAnother) {
  for (const TinyFamily family : {TinyFamily::kLlama, TinyFamily::kOpt}) {
    for (const int bits : {2, 3, 4, 8}) {
      for (std::uint64_t seed = 0; seed < 10; ++seed) {
        Model model = tiny(family, seed);
        quantise(model, bits);
        EXPECT_TRUE(same_paths(model)) << bits << " bits, seed " << seed;
      }
    }
  }
}

TEST_F(Paths, AnotherPathIsFoundUnderQuantisedWeightsToo) {
  for (const int bits : {2, 4}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      for (const double share : {0.3, 1.0}) {
        Model model = tiny(TinyFamily::kLlama, seed);
        quantise(model, bits);
        tilt(model, share);
        EXPECT_FALSE(same_paths(model)) << bits << " bits, seed " << seed << ", tilt " << share;
      }
    }
  }
}

TEST_F(Paths, APlainModelIsHeldToTheDtypesTolerance) {
  Model model = tiny(TinyFamily::kLlama, 1);
  const PathCheck::Probed probed = PathCheck(model, "fp32").require_same_probe({});
  EXPECT_LT(probed.distance, 1e-5);
  EXPECT_EQ(probed.allowed, fingerprint_tolerance("fp32"));
  tilt(model, 1e-2);
  EXPECT_FALSE(same_paths(model));
}

TEST_F(Paths, NoiseGoesAwayWithItsScope) {
  Model model = tiny(TinyFamily::kOpt, 2);
  const PassProbe before = probe_pass(model);
  const Ffn* block = model.layers()[0].ffn.get();
  {
    const RoundingNoise noise(model, 1);
    const Fingerprint moved = probe_pass_again(model, before.decisions).fingerprint;
    const double distance = fingerprint_distance(before.fingerprint, moved);
    EXPECT_GT(distance, 0);
    EXPECT_LT(distance, 1e-5) << "more than rounding";
  }
  EXPECT_EQ(model.layers()[0].ffn.get(), block);
  EXPECT_EQ(fingerprint_distance(before.fingerprint, probe_pass(model).fingerprint), 0);
}

TEST_F(Paths, NoiseIsTheSameForASeed) {
  Model model = tiny(TinyFamily::kLlama, 2);
  const PassProbe before = probe_pass(model);
  const auto under = [&](std::uint64_t seed) {
    const RoundingNoise noise(model, seed);
    return probe_pass_again(model, before.decisions).fingerprint.values;
  };
  EXPECT_EQ(under(3), under(3));
  EXPECT_NE(under(3), under(4));
}

TEST_F(Paths, ToleranceGrowsOnlyWhereItMust) {
  Model model = tiny(TinyFamily::kLlama, 2);
  PathTolerance tolerance(model, 1e-4);
  int calls = 0;
  const auto again = [&](double distance) {
    return [&calls, distance] {
      ++calls;
      return distance;
    };
  };
  EXPECT_TRUE(tolerance.allows(9e-5, again(1.0)));
  EXPECT_EQ(calls, 0);
  EXPECT_FALSE(tolerance.allows(1.0, again(1e-6)));
  EXPECT_EQ(calls, PathTolerance::kPasses);
  EXPECT_EQ(tolerance.allowed(), 1e-4);
  EXPECT_TRUE(tolerance.allows(0.03, again(0.01)));
  EXPECT_FALSE(tolerance.allows(0.05, again(0.01)));
  EXPECT_FALSE(tolerance.allows(0.2, again(1.0))) << "beyond kMost";
  EXPECT_FALSE(tolerance.allows(NAN, again(NAN)));
  EXPECT_FALSE(tolerance.allows(INFINITY, again(INFINITY)));
}

TEST_F(Paths, TimedOutputsAreHeldAgainstScoredOnes) {
  Model model = tiny(TinyFamily::kLlama, 2);
  PathCheck check(model, "fp32");
  const at::Tensor scored = at::randn({2, 9});
  const auto same = [&] { return scored; };
  EXPECT_NO_THROW(check.require_same(scored.mul(1 + 1e-6), scored, "call 1", same));
  EXPECT_THROW(check.require_same(scored.mul(1.01), scored, "call 2", same), OutcomeFound);
  const auto restless = [&] { return scored.mul(1.004); };
  EXPECT_NO_THROW(check.require_same(scored.mul(1.01), scored, "call 3", restless));
  EXPECT_THROW(check.require_same(scored.mul(1.1), scored, "call 4", restless), OutcomeFound);
}

}  // namespace
}  // namespace assay
