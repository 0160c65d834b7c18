// Methods that break a rule: what `assay method test` finds, and what status `assay run` gives.

#include "tests/plugins/plugins_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class BrokenMethod : public PluginsWorld {
 protected:
  CommandOutput check(const std::string& method, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"method", "test", method, "--plugin",
                                          plugin_file("broken")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    CommandOutput output = world_.run(arguments);
    EXPECT_EQ(output.code, 1) << output.out << output.err;
    output.out = unfolded(output.out);
    return output;
  }
  CommandOutput run(const std::string& method, const std::string& measure = "") {
    return run_method("broken", method, measure);
  }
};

TEST_F(BrokenMethod, PrunesOnlyTheLastLayer) {
  EXPECT_THAT(
      check("broken_last_layer").out,
      AllOf(HasSubstr("sparsity FAIL"), HasSubstr("is reported as 0.5, the model has 0.16")));
}

TEST_F(BrokenMethod, WritesOutsideItsFolder) {
  EXPECT_THAT(
      check("broken_outside").out,
      AllOf(HasSubstr("scratch FAIL"), HasSubstr("wrote files outside the scratch folder")));
}

TEST_F(BrokenMethod, DiffersInBatchSize) {
  EXPECT_THAT(check("broken_batch").out,
              AllOf(HasSubstr("batch FAIL"), HasSubstr("a sequence alone and in a batch differ")));
}

TEST_F(BrokenMethod, IsNotDeterministic) {
  EXPECT_THAT(check("broken_random_fit").out,
              AllOf(HasSubstr("seed FAIL"), HasSubstr("the same seed gave another artefact")));
}

TEST_F(BrokenMethod, GivesNan) {
  EXPECT_THAT(check("broken_nan").out,
              AllOf(HasSubstr("finite FAIL"), HasSubstr("are not finite")));
  EXPECT_EQ(run("broken_nan").code, 3);
  EXPECT_EQ(status_of("broken_nan"), "NAN");
}

TEST_F(BrokenMethod, SleepsForEver) {
  EXPECT_THAT(check("broken_sleeps", {"--timeout", "8"}).out,
              AllOf(HasSubstr("run FAIL"), HasSubstr("TIMEOUT (limit)"), HasSubstr("case {}")));
  EXPECT_EQ(run("broken_sleeps", "timeout_s = 8\n").code, 3);
  EXPECT_EQ(status_of("broken_sleeps"), "TIMEOUT");
}

TEST_F(BrokenMethod, AllocatesWithoutEnd) {
  EXPECT_THAT(check("broken_allocates", {"--memory", "3GiB"}).out,
              AllOf(HasSubstr("run FAIL"), HasSubstr("OOM (host)")));
  world_.write("share/hardware_profiles/cpu.toml",
               "id = \"cpu\"\nsummary = \"CPU\"\ndevice = \"cpu\"\ndtype = \"fp32\"\nthreads = 1\n"
               "memory_limit = \"3 GiB\"\n");
  EXPECT_EQ(run("broken_allocates").code, 3);
  EXPECT_EQ(status_of("broken_allocates"), "OOM");
}

TEST_F(BrokenMethod, Segfaults) {
  EXPECT_THAT(check("broken_segfault").out,
              AllOf(HasSubstr("run FAIL"), HasSubstr("CRASHED (signal:SIGSEGV)")));
  const CommandOutput output = run("broken_segfault");
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(output.err, HasSubstr("SIGSEGV"));
  EXPECT_EQ(status_of("broken_segfault"), "CRASHED");
}

TEST_F(BrokenMethod, Prints100MbWhichHarmsNoResult) {
  EXPECT_THAT(check("broken_prints").out, AllOf(HasSubstr("run FAIL"), HasSubstr("it printed ")));
  const CommandOutput output = run("broken_prints");
  EXPECT_EQ(output.code, 0) << output.err.substr(0, 2000);
  EXPECT_EQ(status_of("broken_prints"), "OK");
  EXPECT_LT(output.err.size(), 100'000U);
}

TEST_F(BrokenMethod, ForksAndExits) {
  EXPECT_THAT(check("broken_forks").out,
              AllOf(HasSubstr("run FAIL"), HasSubstr("CRASHED (incomplete_reply)")));
  const CommandOutput output = run("broken_forks");
  EXPECT_EQ(output.code, 3);
  EXPECT_EQ(status_of("broken_forks"), "CRASHED");
}

TEST_F(BrokenMethod, IsOneLineOfManyAndOneFinding) {
  const CommandOutput output =
      world_.run({"method", "test", "broken_outside", "dense", "--plugin", plugin_file("broken"),
                  "--cases", (source_dir() / "methods/dense/conformance.json").string()});
  EXPECT_EQ(output.code, 1) << output.err;
  const std::string text = unfolded(output.out);
  EXPECT_THAT(text,
              AllOf(HasSubstr("broken_outside FAIL"), HasSubstr("dense pass"),
                    HasSubstr("FAIL broken_outside: scratch: "), Not(HasSubstr("FAIL dense:"))));
}

}  // namespace
}  // namespace assay
