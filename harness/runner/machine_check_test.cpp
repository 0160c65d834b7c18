#include "harness/runner/machine_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"
#include "harness/runner/runner_test_world.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing_world::FakeLauncher;

MetricValue metric(const std::string& tag, double value) {
  MetricValue result;
  result.tag = tag;
  result.value = value;
  return result;
}

/// A machine of 100 GFLOP/s and 20 GB/s.
void answer_speed(const WorkerRequest& request, WorkerRun& run) {
  if (request.op != "machine") return;
  run.reply.samples.clear();
  run.reply.metrics = {metric("machine/gemm", 100e9), metric("machine/bandwidth", 20e9),
                       metric("machine/timer", 1e-8)};
  run.reply.environment = {{"cpu", {{"isa", {"avx2", "fma"}}}},
                           {"build", {{"build_type", "Release"}}}};
}

ProfileEntry profile_with(double gemm, double bandwidth) {
  ProfileEntry profile;
  profile.id = "p";
  profile.threads = 1;
  profile.floors = {gemm, bandwidth, 0};
  return profile;
}

MachineSpeed measured() {
  FakeLauncher launcher;
  launcher.on_run = answer_speed;
  return measure_machine_speed(profile_with(0, 0), launcher);
}

TEST(MachineCheck, AsksTheWorkerInTheProfilesTypeAndThreads) {
  FakeLauncher launcher;
  launcher.on_run = answer_speed;
  ProfileEntry profile = profile_with(0, 0);
  profile.dtype = "bf16";
  profile.cores = {0};
  const MachineSpeed speed = measure_machine_speed(profile, launcher);
  EXPECT_EQ(speed.gemm_flops, 100e9);
  EXPECT_EQ(speed.bandwidth, 20e9);
  ASSERT_EQ(launcher.requests.size(), 1U);
  EXPECT_EQ(launcher.requests[0].op, "machine");
  EXPECT_EQ(launcher.requests[0].dtype, "bf16");
  EXPECT_EQ(launcher.requests[0].threads, 1);
  EXPECT_EQ(launcher.requests[0].suite_params, Json({{"work", "speed"}}));
}

TEST(MachineCheck, FloorsAreReachedOrNamed) {
  EXPECT_THAT(unfit_reasons(profile_with(0, 0), measured(), 50.0), IsEmpty());
  EXPECT_THAT(unfit_reasons(profile_with(100, 20), measured(), 50.0), IsEmpty());
  EXPECT_THAT(unfit_reasons(profile_with(101, 19), measured(), 0.0),
              ElementsAre(HasSubstr("100.0 GFLOP/s, and the profile asks for 101.0")));
  EXPECT_THAT(unfit_reasons(profile_with(0, 25), measured(), 0.0),
              ElementsAre(HasSubstr("20.0 GB/s, and the profile asks for 25.0")));
}

TEST(MachineCheck, LoadAndFeaturesCount) {
  ProfileEntry profile = profile_with(0, 0);
  profile.floors.max_load = 1.5;
  EXPECT_THAT(unfit_reasons(profile, measured(), 1.5), IsEmpty());
  EXPECT_THAT(unfit_reasons(profile, measured(), std::nullopt), IsEmpty());
  EXPECT_THAT(unfit_reasons(profile, measured(), 1.6), ElementsAre(HasSubstr("1.6")));
  profile = profile_with(0, 0);
  profile.features = {"fma", "amx_bf16"};
  EXPECT_THAT(unfit_reasons(profile, measured(), 0.0), ElementsAre(HasSubstr("no 'amx_bf16'")));
}

TEST(MachineCheck, DebugAndSanitizerBuildsAreNotTimed) {
  EXPECT_EQ(unfit_build(measured().environment), "");
  EXPECT_THAT(unfit_build({{"build", {{"build_type", "Debug"}}}}), HasSubstr("debug build"));
  EXPECT_THAT(unfit_build({{"build", {{"assertions", true}}}}), HasSubstr("debug build"));
  EXPECT_THAT(unfit_build({{"build", {{"sanitize", "address"}}}}), HasSubstr("address"));
}

TEST(MachineCheck, AForeignProcessOnTheGpuIsNamed) {
  ProfileEntry profile;
  profile.device = "cuda:1";
  EXPECT_TRUE(foreign_gpu_reasons(profile, std::nullopt).empty()) << "the driver does not tell";
  EXPECT_TRUE(foreign_gpu_reasons(profile, std::vector<std::int64_t>{}).empty());
  const auto reasons = foreign_gpu_reasons(profile, std::vector<std::int64_t>{17, 23});
  ASSERT_EQ(reasons.size(), 1U);
  EXPECT_THAT(reasons[0], testing::HasSubstr("cuda:1 is used by 2 other processes (pid 17, 23)"));
  profile.device = "cpu";
  EXPECT_FALSE(gpu_processes(profile).has_value());
}

TEST(MachineCheck, AFailedProbeSaysWhy) {
  FakeLauncher launcher;
  launcher.on_run = [](const WorkerRequest&, WorkerRun& run) {
    run.outcome = {Outcome::kCrashed, "signal", "killed by signal 9"};
  };
  try {
    (void)measure_machine_speed(profile_with(0, 0), launcher);
    FAIL();
  } catch (const MachineError& error) {
    EXPECT_THAT(error.what(), HasSubstr("killed by signal 9"));
  }
}

class RunOnAProfile : public ::testing::Test {
 protected:
  RunSummary run(const ProfileFloors& floors) {
    Catalogue catalogue = testing_world::small_catalogue();
    catalogue.profiles[0].floors = floors;
    const Plan plan = testing_world::small_plan({"quality", "speed"});
    launcher_.on_run = answer_speed;
    testing_world::KeptProgress progress;
    return run_plan(plan, catalogue, store_, launcher_, progress, {});
  }
  testing_world::Home home_;
  Store store_ = Store::open(home_.path() / "r.db");
  FakeLauncher launcher_;
};

TEST_F(RunOnAProfile, TooSlowAMachineIsScoredButNotTimed) {
  const RunSummary summary = run({150, 0, 0});
  EXPECT_EQ(summary.ok, 2) << "scores do not depend on speed";
  EXPECT_EQ(summary.failed, 2);
  EXPECT_EQ(summary.exit_code(), ExitCode::kNotMeasured);
  for (const ResultRow& row : store_.results("test")) {
    if (row.suite != "speed-suite") continue;
    EXPECT_EQ(row.status, "INVALID");
    EXPECT_THAT(row.reason, HasSubstr("floors.gemm_gflops"));
  }
}

TEST_F(RunOnAProfile, AFitMachineIsMeasuredOnceASession) {
  const RunSummary summary = run({50, 10, 0});
  EXPECT_EQ(summary.ok, 4);
  EXPECT_EQ(std::count(launcher_.asked.begin(), launcher_.asked.end(), "machine dense"), 1);
}

TEST_F(RunOnAProfile, WithoutFloorsNothingIsMeasured) {
  EXPECT_EQ(run({}).ok, 4);
  EXPECT_EQ(std::count(launcher_.asked.begin(), launcher_.asked.end(), "machine dense"), 0);
}

TEST_F(RunOnAProfile, ADebugWorkerIsNotTimed) {
  launcher_.on_run = [](const WorkerRequest&, WorkerRun& run) {
    run.reply.environment = {{"build", {{"build_type", "Debug"}}}};
  };
  Catalogue catalogue = testing_world::small_catalogue();
  testing_world::KeptProgress progress;
  const RunSummary summary =
      run_plan(testing_world::small_plan({"speed"}), catalogue, store_, launcher_, progress, {});
  EXPECT_EQ(summary.failed, 2);
  EXPECT_EQ(summary.exit_code(), ExitCode::kNotMeasured);
}

}  // namespace
}  // namespace assay
