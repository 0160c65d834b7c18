// A small database of every released schema version: opened, reported, migrated, reported again.
// tests/data/store/make_samples.py made them; their reports were looked at when they were
// committed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> samples() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(source_dir() / "tests/data/store")) {
    if (entry.path().extension() == ".db") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// Out of the header, where it is big-endian: opening a sample would leave files beside it.
int version_of(const fs::path& file) {
  const std::string header = read_text_file(file).substr(60, 4);
  int version = 0;
  for (const char byte : header) version = version * 256 + static_cast<unsigned char>(byte);
  return version;
}

class ReleasedSchema : public testing::TestWithParam<fs::path> {
 protected:
  ReleasedSchema() { fs::copy_file(GetParam(), world_ / "r.db"); }
  [[nodiscard]] std::string report(const std::string& format) const {
    const CommandOutput output = world_.run({"report", "r.db", "--format", format});
    EXPECT_EQ(output.code, 0) << output.err;
    return output.out;
  }
  CliWorld world_;
};

TEST_P(ReleasedSchema, IsReportedAsItStandsAndTheSameOnceMigrated) {
  const std::string content = read_text_file(world_ / "r.db");
  const std::string seen = read_text_file(fs::path(GetParam()).replace_extension(".md"));
  const std::string csv = report("csv");
  EXPECT_EQ(report("md"), seen);
  EXPECT_EQ(read_text_file(world_ / "r.db"), content) << "a reader changed the file";

  const Json before = Json::parse(world_.run({"db", "check", "r.db", "--json"}).out);
  const Json done = Json::parse(world_.run({"db", "migrate", "r.db", "--json"}).out);
  EXPECT_EQ(done.at("from"), before.at("schema_version"));
  EXPECT_EQ(done.at("to"), before.at("newest_schema_version"));
  EXPECT_EQ(version_of(world_ / "r.db"), done.at("to"));
  EXPECT_EQ(report("md"), seen);
  EXPECT_EQ(report("csv"), csv);

  const CommandOutput check = world_.run({"db", "check", "r.db", "--json"});
  EXPECT_EQ(check.code, 0) << check.out;
  const Json found = Json::parse(check.out);
  EXPECT_EQ(found.at("attempts"), 5);
  // Those of the sample were computed by another program.
  const int kept = done.at("from") < 10 ? 0 : 5;
  EXPECT_EQ(found.at("checksums_held"), kept);
  EXPECT_EQ(found.at("without_checksum"), 5 - kept);
}

INSTANTIATE_TEST_SUITE_P(Samples, ReleasedSchema, testing::ValuesIn(samples()),
                         [](const auto& one) { return one.param.stem().string(); });

TEST(ReleasedSchemas, EveryMigrationHasASample) {
  int migrations = 0;
  for (const auto& entry : fs::directory_iterator(source_dir() / "harness/store/migrations")) {
    ++migrations;
    const std::string version = std::to_string(std::stoi(entry.path().filename().string()));
    const std::string name = "v" + std::string(2 - version.size(), '0') + version + ".db";
    EXPECT_EQ(version_of(source_dir() / "tests/data/store" / name), std::stoi(version)) << name;
  }
  EXPECT_EQ(samples().size(), static_cast<std::size_t>(migrations));
}

}  // namespace
}  // namespace assay
