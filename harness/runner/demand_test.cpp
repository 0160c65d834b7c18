#include "harness/runner/demand.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/runner/artefacts.h"
#include "harness/runner/runner_test_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using namespace testing_world;

constexpr double kFlopsPerToken = 2e9;

class DemandOf : public testing::Test {
 protected:
  DemandOf() : catalogue_(small_catalogue()), plan_(small_plan({"quality", "speed"})) {
    plan_.experiment.profiles = {"cpu"};
    plan_.models[0].size = {.parameters = 1'000'000'000,
                            .flops_per_token = static_cast<std::int64_t>(kFlopsPerToken)};
    FitJob& fit = plan_.fits.at("artefact-key");
    fit.samples = 8;
    fit.tokens = 128;
    for (Cell& cell : plan_.cells) cell.data_folder = home_.path().string();
    catalogue_.suite_kinds[0].data_format = "stream";
    prepare(1000, 10);
  }

  void prepare(int tokens, int documents) const {
    write_file_atomically(
        home_.path() / "manifest.json",
        Json{
            {"version", 1}, {"tokens", tokens}, {"documents", documents}, {"files", Json::object()}}
            .dump());
  }
  [[nodiscard]] Demand demand() const {
    return demands_of(plan_, catalogue_, [](const Cell&) { return true; }).at(0);
  }
  Json& params() { return plan_.experiment.suites[0].params; }

  Home home_;
  Catalogue catalogue_;
  Plan plan_;
};

TEST_F(DemandOf, IsTheWorkOfPassesAndTheWeights) {
  const Demand found = demand();
  ASSERT_EQ(found.models.size(), 1U);
  EXPECT_EQ(found.models[0].weight_bytes, 4'000'000'000);
  EXPECT_DOUBLE_EQ(found.score_flops, 2 * 1000 * kFlopsPerToken) << "dense and pruned";
  EXPECT_DOUBLE_EQ(found.fit_flops, 8 * 128 * kFlopsPerToken) << "one fit for both suites";
  EXPECT_EQ(found.fits, 1U);
  EXPECT_EQ(found.trained, 0U);
  EXPECT_EQ(found.timed, 2U);
}

TEST_F(DemandOf, ALimitCountsWindowsOrItems) {
  params() = {{"limit", 3}, {"window", 100}};
  EXPECT_DOUBLE_EQ(demand().score_flops, 2 * 300 * kFlopsPerToken);
  params() = {{"limit", 30}, {"window", 100}};
  EXPECT_DOUBLE_EQ(demand().score_flops, 2 * 1000 * kFlopsPerToken) << "there are no more";
  params() = {{"limit", 0}, {"window", 100}};
  EXPECT_DOUBLE_EQ(demand().score_flops, 2 * 1000 * kFlopsPerToken) << "0: all";
  catalogue_.suite_kinds[0].data_format = "items";
  params() = {{"limit", 4}};
  EXPECT_DOUBLE_EQ(demand().score_flops, 2 * 400 * kFlopsPerToken);
}

TEST_F(DemandOf, WhatIsThereOrUnmetIsNotAskedFor) {
  plan_.cells[2].unmet = OutcomeReason{Outcome::kUnmet, "requirement", "no"};
  EXPECT_EQ(demand().timed, 1U);
  const auto dense = [&](const Cell& cell) { return cell.artefact_key.empty(); };
  EXPECT_EQ(demands_of(plan_, catalogue_, dense)[0].fits, 0U);
  std::filesystem::create_directories(artefact_path("artefact-key"));
  EXPECT_EQ(demand().fits, 0U);
  EXPECT_DOUBLE_EQ(demand().fit_flops, 0);
  const auto none = [](const Cell&) { return false; };
  EXPECT_THAT(demand_text(demands_of(plan_, catalogue_, none)[0], {}),
              HasSubstr("nothing is to be"));
}

TEST_F(DemandOf, IsSaidWithTheSpeedThatWasMeasured) {
  const MachineSpeed speed{.gemm_flops = 1e9};
  const std::string text = demand_text(demand(), speed);
  EXPECT_THAT(text,
              AllOf(HasSubstr("tiny: 4.0 GB of weights in fp32; the machine has "),
                    HasSubstr("1 h 41 min for the passes"), HasSubstr("1 h 07 min of scoring"),
                    HasSubstr("at the 1 GFLOP/s"), HasSubstr("what 1 fit does"),
                    HasSubstr("2 timed cells"), Not(HasSubstr("train"))));
  EXPECT_DOUBLE_EQ(demand_json(demand(), speed).at("seconds_at_least"), 6048);
}

}  // namespace
}  // namespace assay
