#include "harness/measure/machine_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "harness/base/clock.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class IdentityTest : public testing::Test {
 protected:
  IdentityTest() : root_(fs::temp_directory_path() / ("assay-identity-" + new_uuid())) {
    files_ = {.proc = root_, .cgroup = root_, .machine_id = root_ / "machine-id"};
    fs::create_directories(root_);
    write("cpuinfo", "processor : 0\nmodel name : Some Processor\n");
    write("meminfo", "MemTotal:       25165824 kB\n");
    write("machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n");
  }
  ~IdentityTest() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(root_ / name) << text;
  }
  [[nodiscard]] std::string id() const { return machine_identity(files_).id; }

  fs::path root_;
  MachineFiles files_;
};

TEST_F(IdentityTest, IsStableAndTellsNobodyTheSystemsOwnName) {
  EXPECT_EQ(id(), id());
  EXPECT_THAT(id(), MatchesRegex("[0-9a-f]{64}"));
  EXPECT_THAT(id(), Not(HasSubstr("3d1219c7")));
}

TEST_F(IdentityTest, ChangesWithTheInstallationAndTheProcessor) {
  const std::string first = id();
  write("machine-id", "00000000000000000000000000000001\n");
  const std::string reinstalled = id();
  EXPECT_NE(reinstalled, first);
  write("cpuinfo", "model name : Another Processor\n");
  EXPECT_NE(id(), reinstalled);
}

TEST_F(IdentityTest, WithoutAnInstallationsNameTheProcessorIsLeft) {
  fs::remove(root_ / "machine-id");
  const std::string first = id();
  write("cpuinfo", "model name : Another Processor\n");
  EXPECT_NE(id(), first);
}

TEST_F(IdentityTest, DescribesTheMachineToPeople) {
  EXPECT_THAT(machine_identity(files_).description,
              MatchesRegex("Some Processor, [0-9]+ cores, 24\\.0 GiB"));
  fs::remove(root_ / "cpuinfo");
  fs::remove(root_ / "meminfo");
  EXPECT_THAT(machine_identity(files_).description,
              MatchesRegex("unknown processor, [0-9]+ cores"));
}

}  // namespace
}  // namespace assay
