#include "harness/process/memory_group.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "harness/base/clock.h"
#include "harness/base/files.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Files laid out as the kernel does, in a folder: what is written there can be read back.
class FakeGroups {
 public:
  FakeGroups() : root_(fs::temp_directory_path() / ("assay-groups-" + new_uuid())) {
    fs::create_directories(root_ / "mount/user/job");
  }
  ~FakeGroups() { fs::remove_all(root_); }
  FakeGroups(const FakeGroups&) = delete;
  FakeGroups& operator=(const FakeGroups&) = delete;

  void hand_down(const std::string& group, const std::string& controllers) const {
    std::ofstream(root_ / "mount" / group / "cgroup.subtree_control") << controllers << "\n";
  }
  [[nodiscard]] GroupFiles member_of(const std::string& line) const {
    std::ofstream(root_ / "membership") << "4:memory:/elsewhere\n" << line << "\n";
    return {root_ / "mount", root_ / "membership"};
  }
  [[nodiscard]] fs::path mount() const { return root_ / "mount"; }

 private:
  fs::path root_;
};

TEST(MemoryGroup, IsMadeBesideAGroupThatHasNoRoomBelow) {
  const FakeGroups groups;
  groups.hand_down("user/job", "");
  groups.hand_down("user", "cpu memory pids");
  const auto group = MemoryGroup::make(1000, groups.member_of("0::/user/job"));
  ASSERT_NE(group, nullptr);
  EXPECT_EQ(group->folder().parent_path(), groups.mount() / "user");
  EXPECT_EQ(read_text_file(group->folder() / "memory.max"), "1000");
  EXPECT_EQ(read_text_file(group->folder() / "memory.swap.max"), "0");
  EXPECT_EQ(group->oom_kills(), 0);
  std::ofstream(group->folder() / "memory.events") << "low 0\nmax 7\noom 3\noom_kill 2\n";
  EXPECT_EQ(group->oom_kills(), 2);
  ASSERT_EQ(::write(group->entrance(), "0", 1), 1);
  EXPECT_EQ(read_text_file(group->folder() / "cgroup.procs"), "0");
}

TEST(MemoryGroup, KillsWhoeverIsLeftInIt) {
  const FakeGroups groups;
  groups.hand_down("user", "memory");
  auto group = MemoryGroup::make(1000, groups.member_of("0::/user"));
  ASSERT_NE(group, nullptr);
  const fs::path folder = group->folder();
  group.reset();
  EXPECT_EQ(read_text_file(folder / "cgroup.kill"), "1");
}

TEST(MemoryGroup, IsNotMadeWhereTheControllerIsNotHandedDown) {
  const FakeGroups groups;
  groups.hand_down("user", "cpu");
  EXPECT_EQ(MemoryGroup::make(1000, groups.member_of("0::/user/job")), nullptr);
  EXPECT_EQ(MemoryGroup::make(1000, groups.member_of("0::/")), nullptr);
  EXPECT_EQ(MemoryGroup::make(1000, groups.member_of("2:cpu:/user")), nullptr);
  EXPECT_EQ(MemoryGroup::make(1000, groups.member_of("0::/../../etc")), nullptr);
  EXPECT_EQ(MemoryGroup::make(1000, {groups.mount(), groups.mount() / "missing"}), nullptr);
}

}  // namespace
}  // namespace assay
