// The conformance kit against methods that break its rules: each is found, and a good one passes.
#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>

#include "harness/base/cell_errors.h"
#include "harness/base/param_makers.h"
#include "harness/data/labelled_items.h"
#include "harness/method/conformance.h"
#include "harness/method/masks.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "harness/model/wrapped.h"

namespace assay {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr ParameterId kUsed{0, Slot::kUp};
constexpr const char* kUsedName = "layer.0.up.weight";

/// Halves one matrix, unless told otherwise.
class Halving final : public Method {
 public:
  explicit Halving(std::string name = "halving") {
    info_.name = std::move(name);
    info_.summary = "halves one matrix";
    info_.params = {real_param("factor", 0.5, {}, "what the matrix is multiplied with")};
  }
  [[nodiscard]] MethodInfo info() const override { return info_; }
  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec&, const Params&) const override {
    return unmet_;
  }
  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    Artefact artefact;
    artefact.tensors[kUsedName] =
        model.parameter(kUsed).mul(params.get_real("factor")).contiguous();
    if (on_fit_) on_fit_(model, context, artefact);
    return artefact;
  }
  void apply(Model& model, const Artefact& artefact) const override {
    apply_pruned_weights(model, artefact);
    if (on_apply_) on_apply_(model);
  }

  MethodInfo info_;
  std::vector<std::string> unmet_;
  std::function<void(const Model&, FitContext&, Artefact&)> on_fit_;
  std::function<void(Model&)> on_apply_;
};

class ConformanceKit : public ::testing::TestWithParam<TinyFamily> {
 protected:
  ConformanceKit() { write_tiny_model(model_, GetParam(), 3); }
  [[nodiscard]] ConformanceReport alone() const {
    return check_conformance(tried_, cases(), model_);
  }
  /// A good method, then the one that is tried.
  [[nodiscard]] ConformanceReport behind() const {
    return check_chains({&good_, cases()}, {{&tried_, cases()}}, model_);
  }
  [[nodiscard]] static ConformanceCases cases() { return {{{"factor", 1.0}}, {Json::object()}}; }
  static auto finds(const char* phrase) { return Contains(HasSubstr(phrase)); }

  RecordingContext place_{{}, 0, {}};
  std::filesystem::path model_ = place_.scratch() / "model";
  Halving good_{"good"}, tried_;
};

TEST_P(ConformanceKit, AGoodMethodPasses) {
  EXPECT_THAT(alone().problems, IsEmpty());
  EXPECT_THAT(behind().problems, IsEmpty());
  EXPECT_EQ(alone().tried, 1);
  EXPECT_EQ(behind().tried, 1);
  EXPECT_THAT(behind().left_out, IsEmpty());
}

TEST_P(ConformanceKit, FindsAnApplyThatDependsOnWhatRanBefore) {
  int calls = 0;
  tried_.on_apply_ = [&](Model& model) { model.parameter(kUsed).mul_(1.0 + 0.01 * ++calls); };
  EXPECT_THAT(alone().problems, finds("fit -> save -> load -> apply differs"));
  EXPECT_THAT(behind().problems, finds("both artefacts, loaded and applied in order"));
}

TEST_P(ConformanceKit, FindsAnApplyThatTouchesWhatIsNotNamed) {
  tried_.on_apply_ = [](Model& model) { model.parameter({2, Slot::kDown}).mul_(1.5); };
  EXPECT_THAT(alone().problems, finds("does not name: layer.2.down.weight"));
  EXPECT_THAT(behind().problems, finds("does not name: layer.2.down.weight"));
}

/// Doubles the rows above an edge, which lies higher for a sequence by itself.
class EdgeByBatchFfn final : public WrappedFfn {
 public:
  EdgeByBatchFfn(std::unique_ptr<Ffn> inner, float shift)
      : WrappedFfn(std::move(inner)), shift_(shift) {}
  at::Tensor forward(const at::Tensor& rows, StepContext& step) const override {
    const bool alone = rows.size(0) <= kTinyPositions;
    at::Tensor above = rows.narrow(1, 0, 1).gt(alone ? shift_ : 0.0F);
    if (step.routing != nullptr) above = step.routing->settle(step, RoutingSite::kNeurons, above);
    return inner().forward(rows, step).mul(above.add(1));
  }
  std::unique_ptr<Ffn> wrap(std::unique_ptr<Ffn> inner) const override {
    return std::make_unique<EdgeByBatchFfn>(std::move(inner), shift_);
  }

 private:
  float shift_;
};

TEST_P(ConformanceKit, FindsDecisionsThatDependOnTheBatch) {
  for (const bool shifted : {false, true}) {
    tried_.on_apply_ = [&](Model& model) {
      for (Layer& layer : model.layers()) {
        layer.ffn = std::make_unique<EdgeByBatchFfn>(std::move(layer.ffn), shifted ? 0.5F : 0.0F);
      }
    };
    const auto problems = check_conformance(tried_, {{}, {Json::object()}}, model_).problems;
    // The scores are those of settled decisions.
    EXPECT_THAT(problems, ::testing::Not(finds("of the largest score")));
    EXPECT_EQ(problems.size(), shifted ? 1U : 0U);
    EXPECT_EQ(::testing::Value(problems, finds("decide otherwise")), shifted);
  }
}

TEST_P(ConformanceKit, FindsAFitThatChangesTheModel) {
  tried_.on_fit_ = [](const Model& model, FitContext&, Artefact&) {
    model.parameter({1, Slot::kDown}).mul_(0.9);
  };
  EXPECT_THAT(alone().problems, finds("fitting changed the model"));
  EXPECT_THAT(behind().problems, finds("fitting the second changed what the first left"));
}

TEST_P(ConformanceKit, FindsAFitThatItsSeedDoesNotDecide) {
  int calls = 0;
  tried_.on_fit_ = [&](const Model&, FitContext&, Artefact& artefact) {
    artefact.tensors.at(kUsedName).add_(++calls);
  };
  EXPECT_THAT(alone().problems, finds("the same seed gave another artefact"));
  EXPECT_THAT(behind().problems, finds("the same seed gave another artefact of the second"));
}

TEST_P(ConformanceKit, FindsASecondThatForgetsTheFirst) {
  tried_.on_fit_ = [](const Model&, FitContext& context, Artefact& artefact) {
    const Model unchanged = Model::load(context.model_folder(), {});
    artefact.tensors[kUsedName] = unchanged.parameter(kUsed).clone();
  };
  EXPECT_THAT(alone().problems, IsEmpty()) << "by itself it does nothing";
  EXPECT_THAT(behind().problems, finds("the identity of the second changes the scores"));
}

TEST_P(ConformanceKit, FindsZerosThatComeBack) {
  good_.on_fit_ = [](const Model&, FitContext&, Artefact& artefact) {
    artefact.tensors.at(kUsedName).narrow(0, 0, 8).zero_();
  };
  tried_.info_.params.push_back(flag_param("keep_zeros", true, "zeros stay"));
  EXPECT_THAT(behind().problems, IsEmpty());
  tried_.on_fit_ = [](const Model&, FitContext&, Artefact& artefact) {
    artefact.tensors.at(kUsedName).add_(1);
  };
  EXPECT_THAT(behind().problems, finds("zeros came back in layer.0.up.weight"));
  tried_.info_.params.back().default_value = false;
  EXPECT_THAT(behind().problems, ::testing::Not(finds("zeros came back")));
}

TEST_P(ConformanceKit, ARefusalHasAReasonAndACause) {
  const auto refuse_with = [this](const std::string& reason) {
    tried_.on_fit_ = [reason](const Model&, FitContext&, Artefact&) { throw DoesNotApply(reason); };
  };
  refuse_with("needs dense blocks");
  EXPECT_THAT(behind().problems, IsEmpty());
  EXPECT_THAT(behind().left_out, finds("needs dense blocks"));
  EXPECT_EQ(behind().tried, 0);
  refuse_with("");
  EXPECT_THAT(behind().problems, finds("gives no reason"));
  good_.on_fit_ = [](const Model&, FitContext&, Artefact& artefact) { artefact = {}; };
  refuse_with("only alone");
  EXPECT_THAT(behind().problems, finds("refuses a model that nothing was done to: only alone"));
}

TEST_P(ConformanceKit, FindsAFailureThatIsNoRefusal) {
  tried_.on_fit_ = [](const Model&, FitContext&, Artefact&) {
    throw std::logic_error("slot 'up' went");
  };
  EXPECT_THAT(behind().problems, finds("neither works nor is refused: slot 'up' went"));
}

TEST_P(ConformanceKit, UnmetIsLeftOutWithItsReason) {
  tried_.unmet_ = {"needs wheels"};
  for (const ConformanceReport& report : {alone(), behind()}) {
    EXPECT_THAT(report.problems, IsEmpty());
    EXPECT_THAT(report.left_out, finds("needs wheels"));
    EXPECT_EQ(report.tried, 0);
  }
  tried_.unmet_ = {""};
  EXPECT_THAT(alone().problems, finds("gives no reason"));
  EXPECT_THAT(check_chains({&tried_, cases()}, {{&good_, cases()}}, model_).problems,
              finds("gives no reason"));
}

TEST_P(ConformanceKit, FindsNeedsThatAreNotUsed) {
  tried_.info_.needs.training = {{.data = kLabelledData}};
  EXPECT_THAT(alone().problems, finds("needs training data and does not look at them"));
  tried_.info_.needs.calibration = true;
  EXPECT_THAT(alone().problems, finds("looks at calibration data in other settings"));
}

TEST_P(ConformanceKit, TheItemsHaveTheModelsClasses) {
  tried_.info_.needs.training = {{.data = kLabelledData}};
  std::size_t classes = 0;
  tried_.on_fit_ = [&](const Model&, FitContext& context, Artefact&) {
    classes = context.training().label_names.size();
  };
  EXPECT_THAT(alone().problems, IsEmpty());
  EXPECT_EQ(classes, GetParam() == TinyFamily::kBert ? kTinyClasses : 2U);
}

INSTANTIATE_TEST_SUITE_P(Tiny, ConformanceKit,
                         ::testing::Values(TinyFamily::kLlama, TinyFamily::kOpt,
                                           TinyFamily::kBert));

}  // namespace
}  // namespace assay
