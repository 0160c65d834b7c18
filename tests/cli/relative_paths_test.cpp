// Variables that name places by relative paths mean the same to the programs that assay starts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(RelativePaths, MeanTheSameToWorkersInOtherFolders) {
  CliWorld world;
  world.write("e.toml", experiment_text("[[method]]\nid = \"pretend\"\n",
                                        "[[suite]]\nid = \"letters-ppl\"\n"
                                        "[[suite]]\nid = \"decode\"\n"));
  world.set("ASSAY_HOME", "home");
  world.set("ASSAY_SHARE", "share");
  world.set("ASSAY_DATA", "./data");
  world.set("ASSAY_PYTHON", "./python");
  fs::copy_file(binary_dir() / "tests/fake_worker", world / "worker");
  world.set("ASSAY_WORKER", "./worker");
  const CommandOutput first = world.run({"run", "e.toml"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("4 cells OK, 0 UNMET, 0 failed"));
  EXPECT_FALSE(fs::is_empty(world / "home/artefacts"));
  world.set("ASSAY_HOME", (world / "home").string());
  EXPECT_THAT(world.run({"run", "e.toml", "--db", "other.db"}).err,
              HasSubstr("0 artefacts fitted"));
}

}  // namespace
}  // namespace assay
