// Files of the cache that rot, a byte at a time: what is damaged is noticed and made again.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <random>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/faults/fault_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Every file of the cache that a run made, in an order that does not depend on the disk's.
std::vector<fs::path> cached_files(const FaultWorld& world) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(world / "home")) {
    if (entry.is_regular_file() && fs::file_size(entry.path()) > 0 &&
        entry.path().filename() != "asked") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

void flip(const fs::path& file, std::size_t at, char bits) {
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  bytes.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(bytes.get() ^ bits);
  bytes.seekp(static_cast<std::streamoff>(at));
  bytes.put(byte);
}

/// What the plan asks: the key of every cell.
std::vector<std::string> keys(const FaultWorld& world) {
  std::vector<std::string> all;
  const Json plan = Json::parse(world.run({"plan", "e.toml", "--json"}).out);
  for (const Json& cell : plan.at("cells")) {
    all.push_back(cell.at("key"));
  }
  return all;
}

/// A run on a new database has to look at every file of the cache.
void expect_nothing_wrong(const FaultWorld& world) {
  fs::remove(world / "results.db");
  const CommandOutput run = world.run({"run", "e.toml"});
  EXPECT_EQ(run.code, 0) << run.err;
  world.expect_as_undisturbed();
}

TEST(RottenCache, OneByteOfEachKindOfFileChangesNoNumber) {
  const FaultWorld world;
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  const std::vector<std::string> asked = keys(world);
  std::mt19937 random(7);
  // Of many files of one folder two stand for all.
  std::map<fs::path, int> of_folder;
  for (const fs::path& file : cached_files(world)) {
    if (++of_folder[file.parent_path() / file.extension()] > 2) continue;
    const std::size_t size = fs::file_size(file);
    const std::size_t at = std::uniform_int_distribution<std::size_t>(0, size - 1)(random);
    SCOPED_TRACE(file.string() + " at byte " + std::to_string(at));
    flip(file, at, 1);
    EXPECT_EQ(keys(world), asked);
    expect_nothing_wrong(world);
  }
  EXPECT_GE(of_folder.size(), 5U) << "artefacts, their records, prepared data, manifests, hashes";
}

/// A digit that became another one leaves a file well formed: only a checksum sees it.
TEST(RottenCache, ADigitInARememberedDocumentIsNotBelieved) {
  const FaultWorld world;
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  const std::vector<std::string> asked = keys(world);
  int flipped = 0;
  for (const fs::path& file : cached_files(world)) {
    if (file.extension() != ".json") continue;
    const std::string text = read_text_file(file);
    const auto digit =
        std::find_if(text.rbegin(), text.rend(), [](char c) { return c >= '2' && c <= '7'; });
    if (digit == text.rend()) continue;
    SCOPED_TRACE(file.string());
    flip(file, static_cast<std::size_t>(text.rend() - digit) - 1, 1);
    ++flipped;
    EXPECT_EQ(keys(world), asked);
    if (flipped % 4 == 1) expect_nothing_wrong(world);
  }
  EXPECT_GE(flipped, 5);
  expect_nothing_wrong(world);
}

TEST(RottenCache, CutAndEmptiedFilesAreMadeAgain) {
  for (const bool all : {false, true}) {
    const FaultWorld world;
    ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
    for (const fs::path& file : cached_files(world)) {
      fs::resize_file(file, all ? 0 : fs::file_size(file) / 2);
    }
    expect_nothing_wrong(world);
  }
}

}  // namespace
}  // namespace assay
