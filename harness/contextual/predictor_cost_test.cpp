// Sizes and work of predictors against the table that was derived from the papers' code.
#include "harness/contextual/predictor_cost.h"

#include <gtest/gtest.h>

#include <ostream>

namespace assay {
namespace {

struct Row {
  const char* name;
  PredictedModel model;
  double shadowllm, dejavu;  ///< billions of weights: rank 2048, layers but the first; 1000 and 512
  double saved;              ///< percent of DejaVu's work at rank 1024 that ShadowLLM saves
};
std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }

class PredictorCost : public testing::TestWithParam<Row> {};

TEST_P(PredictorCost, SizesAreThoseOfTheTable) {
  const PredictedModel& model = GetParam().model;
  const auto billions = [](std::int64_t weights) { return static_cast<double>(weights) / 1e9; };
  EXPECT_NEAR(billions(shadowllm_weights(model, 2048, model.layers - 1)), GetParam().shadowllm,
              0.0005);
  EXPECT_NEAR(billions(dejavu_weights(model, 1000, 512)), GetParam().dejavu, 0.0005);
}

TEST_P(PredictorCost, SavedWorkIsThatOfTheRepositorysModel) {
  const PredictedModel& model = GetParam().model;
  const auto shadow = static_cast<double>(shadowllm_multiplications(model, 1024));
  const auto dejavu = static_cast<double>(dejavu_multiplications(model, 1024));
  EXPECT_NEAR(100 * (1 - shadow / dejavu), GetParam().saved, 0.05);
}

INSTANTIATE_TEST_SUITE_P(Opt, PredictorCost,
                         testing::Values(Row{"1.3B", {24, 2048, 32, 8192}, 0.396, 0.271, 19.1},
                                         Row{"13B", {40, 5120, 40, 20480}, 1.660, 1.130, 19.5},
                                         Row{"30B", {48, 7168, 56, 28672}, 2.795, 1.898, 19.6},
                                         Row{"66B", {64, 9216, 72, 36864}, 4.803, 3.253, 19.7},
                                         Row{"175B", {96, 12288, 96, 49152}, 9.632, 6.507, 19.8}));

TEST(PredictorCosts, AllLayersCostMore) {
  // The released accuracy code of ShadowLLM predicts the first layer too.
  EXPECT_EQ(shadowllm_weights({24, 2048, 32, 8192}, 2048, 24), 412614656);
}

TEST(PredictorCosts, APredictorCountsWhatItsFormulaSays) {
  for (const PredictorForm& form : {dejavu_form(16, 4, 40), shadowllm_form(16, 4, 40)}) {
    const Cost cost = fresh_predictor(form, 1).cost();
    const std::int64_t biases = form.biases ? 4 + 40 : 0;
    EXPECT_EQ(cost.params, predictor_weights(form) + biases);
    EXPECT_EQ(cost.flops_per_token, 2 * predictor_weights(form) + biases);
    EXPECT_EQ(cost.touched_bytes, 4 * cost.params);
  }
}

}  // namespace
}  // namespace assay
