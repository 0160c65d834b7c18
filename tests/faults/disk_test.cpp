// A disk that is full or may not be written, and a limit of a file's size: one clear message,
// nothing lost, and the next run finishes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "tests/faults/fault_world.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

std::string sized(int kilobytes) { return "-o size=" + std::to_string(kilobytes) + "k"; }

/// The table as a report prints it, without the lines that say when and where.
std::string table_of(const FaultWorld& world, const std::string& file) {
  const std::string text = read_text_file(world / file);
  return text.substr(0, text.find("Times are of machine"));
}

TEST(FullDisk, OfTheDatabaseSaysSoAndKeepsWhatWasFinished) {
  if (!can_mount()) GTEST_SKIP() << "needs the right to mount";
  for (const int kilobytes : {20, 100, 300, 500, 700, 900}) {
    SCOPED_TRACE(kilobytes);
    const FaultWorld world;
    const CommandOutput result = with_mounts(
        world, "mkdir box; mount -t tmpfs " + sized(kilobytes) +
                   " none box; assay run e.toml --db box/r.db 2> first; echo $? > first_code; "
                   "mount -o remount,size=50m box; assay run e.toml --db box/r.db 2> second && "
                   "assay report box/r.db > table; echo $? > second_code");
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(read_text_file(world / "first_code"), "3\n");
    EXPECT_THAT(read_text_file(world / "first"),
                AllOf(HasSubstr("box/r.db"),
                      AnyOf(HasSubstr("the disk is full; free some space"),
                            HasSubstr("check the disk and its quota")),
                      Not(HasSubstr("bug"))));
    EXPECT_EQ(read_text_file(world / "second_code"), "0\n") << read_text_file(world / "second");
    EXPECT_EQ(table_of(world, "table"), FaultWorld::undisturbed_table());
  }
}

TEST(FullDisk, OfTheCacheSaysSoAndTheNextRunFinishes) {
  if (!can_mount()) GTEST_SKIP() << "needs the right to mount";
  for (const int kilobytes : {8, 40, 64, 80}) {
    SCOPED_TRACE(kilobytes);
    const FaultWorld world;
    const CommandOutput result = with_mounts(
        world, "mkdir -p home; mount -t tmpfs " + sized(kilobytes) +
                   " none home; assay run e.toml 2> first; echo $? > first_code; mount -o "
                   "remount,size=50m home; assay run e.toml 2> second; echo $? > second_code");
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(read_text_file(world / "first_code"), "3\n");
    EXPECT_THAT(
        read_text_file(world / "first"),
        AllOf(HasSubstr("/home/"), AnyOf(HasSubstr("No space left"), HasSubstr("check the disk")),
              Not(HasSubstr("bug"))));
    EXPECT_EQ(read_text_file(world / "second_code"), "0\n") << read_text_file(world / "second");
    world.expect_as_undisturbed();
  }
}

TEST(ReadOnlyCache, SaysSoAndWhatIsStoredIsStillReported) {
  if (!can_mount()) GTEST_SKIP() << "needs the right to mount";
  const FaultWorld world;
  const std::string seal = "mkdir -p home; mount --bind home home; mount -o remount,ro,bind home; ";
  const CommandOutput fresh = with_mounts(world, seal + "assay run e.toml");
  EXPECT_EQ(fresh.code, 3) << fresh.err;
  EXPECT_THAT(fresh.err, AllOf(HasSubstr("Read-only file system"), HasSubstr("ASSAY_HOME")));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  const CommandOutput stored = with_mounts(world, seal + "assay run e.toml");
  EXPECT_EQ(stored.code, 0) << stored.err;
  EXPECT_THAT(stored.err, HasSubstr("20 of them stored before"));
  world.expect_as_undisturbed();
}

TEST(FileSizeLimit, IsAMessageAndNotADeathBySignal) {
  for (const int blocks : {1, 8, 40, 100, 200, 400}) {
    SCOPED_TRACE(blocks);
    const FaultWorld world;
    const CommandOutput limited =
        world.shell("ulimit -f " + std::to_string(blocks) + "; assay run e.toml");
    EXPECT_EQ(limited.code, 3) << limited.err;
    EXPECT_THAT(limited.err,
                AllOf(AnyOf(HasSubstr("reading or writing failed"), HasSubstr("ulimit -f")),
                      Not(HasSubstr("bug"))));
    EXPECT_EQ(world.run({"run", "e.toml"}).code, 0);
    world.expect_as_undisturbed();
  }
}

}  // namespace
}  // namespace assay
