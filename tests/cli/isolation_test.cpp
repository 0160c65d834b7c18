// Nothing of the folder that `assay` is called in runs, nor of the user's Python: the real tools,
// with every name that they import lying around as a file that would leave a mark.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kNames[] = {"json",     "argparse",    "pathlib",       "numpy",
                                  "pip",      "tokenizers",  "datasets",      "tomllib",
                                  "tempfile", "assay_tools", "sitecustomize", "usercustomize"};

class Isolation : public testing::Test {
 protected:
  void SetUp() override {
    if (test_python().empty()) GTEST_SKIP() << "no Python with the packages of requirements.txt";
    world_.set("ASSAY_PYTHON", test_python());
    fs::remove_all(world_ / "share/python");
    fs::create_directory_symlink(source_dir() / "python", world_ / "share/python");
    world_.set("HOME", (world_ / "user").string());
    world_.write("e.toml", experiment_text("", "[[suite]]\nid = \"letters-ppl\"\n"));
  }

  /// Modules in the folder that leave a mark when they are imported.
  void set_traps(const std::string& folder) const {
    const std::string mark =
        "open(" + ("'" + (world_ / "mark").string() + "'") + ", 'a').write(__file__)\n";
    for (const char* name : kNames) world_.write(folder + name + std::string(".py"), mark);
  }
  void expect_no_mark() const {
    EXPECT_FALSE(fs::exists(world_ / "mark")) << read_text_file(world_ / "mark");
  }
  void expect_prepared(const CommandOutput& output) const {
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_THAT(output.err, HasSubstr("preparing letters (all)"));
    EXPECT_FALSE(fs::is_empty(world_ / "home/prepared"));
    expect_no_mark();
    fs::remove_all(world_ / "home/prepared");
  }

  CliWorld world_;
};

TEST_F(Isolation, TheCurrentFolderIsNotOnTheModulePath) {
  set_traps("");
  const CommandOutput plan = world_.run({"plan", "e.toml"});
  expect_prepared(plan);
  EXPECT_THAT(plan.out, HasSubstr("1 cells: 0 stored, 1 to run, 0 unmet"));
  const CommandOutput run = world_.run({"run", "e.toml"});
  expect_prepared(run);
  EXPECT_THAT(run.out, HasSubstr("letters-ppl"));
}

TEST_F(Isolation, VariablesAndPackagesOfTheUserAreNotHeard) {
  set_traps("hostile/");
  for (const char* version : {"3.11", "3.12", "3.13", "3.14"}) {
    set_traps(std::string("user/.local/lib/python") + version + "/site-packages/");
  }
  world_.set("PYTHONUSERBASE", (world_ / "user/.local").string());
  world_.set("PYTHONPATH", (world_ / "hostile").string());
  world_.set("PYTHONSTARTUP", (world_ / "hostile/json.py").string());
  expect_prepared(world_.run({"plan", "e.toml"}));
  world_.set("PYTHONHOME", (world_ / "hostile").string());
  expect_prepared(world_.run({"plan", "e.toml"}));
}

TEST_F(Isolation, DownloadingRunsNothingOfTheFolderEither) {
  set_traps("");
  set_traps("hostile/");
  world_.set("PYTHONPATH", (world_ / "hostile").string());
  world_.set("PIP_NO_INDEX", "1");
  world_.write("share/datasets/fetched.toml", R"(name = "fetched"
summary = "letters"
licence = "none"
source = "a wheel"
kind = "items"
[splits.all]
files = ["fetched.jsonl"]
[splits.all.fetch]
from = "pypi"
package = "no-such-package-of-ours"
version = "1"
sha256 = "00"
file = "x"
file_sha256 = "00"
)");
  const CommandOutput get = world_.run({"data", "get", "fetched"});
  EXPECT_EQ(get.code, 3);
  EXPECT_THAT(get.err, HasSubstr("cannot download no-such-package-of-ours==1"));
  expect_no_mark();
}

/// The tools work beside the sources, and leave them as they are.
TEST_F(Isolation, NothingIsWrittenBesideTheTools) {
  fs::remove(world_ / "share/python");
  fs::create_directories(world_ / "share/python");
  fs::copy(source_dir() / "python/assay_tools", world_ / "share/python/assay_tools",
           fs::copy_options::recursive);
  fs::remove_all(world_ / "share/python/assay_tools/__pycache__");
  expect_prepared(world_.run({"plan", "e.toml"}));
  EXPECT_FALSE(fs::exists(world_ / "share/python/assay_tools/__pycache__"));
}

}  // namespace
}  // namespace assay
