#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <thread>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/file_lock.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "harness/base/outcome.h"
#include "harness/base/text.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("assay-test-" + new_uuid())) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

TEST(Hashing, Sha256OfTheStandardVector) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Json, CanonicalFormIgnoresKeyOrderAndRefusesNan) {
  EXPECT_EQ(canonical_json(Json::parse(R"({"b": 1, "a": 0.1})")), R"({"a":0.1,"b":1})");
  EXPECT_THROW(canonical_json(Json{{"x", std::nan("")}}), UserError);
  EXPECT_THROW(canonical_json(Json("\xff")), UserError);
}

TEST(Names, AMessageListsNoMoreThanAReaderReads) {
  std::vector<std::string> known;
  for (int i = 0; i < 100; ++i) known.push_back("layer." + std::to_string(100 + i));
  const std::string text = unknown_name_message("metric", "token_pl", known);
  EXPECT_TRUE(text.starts_with("unknown metric 'token_pl'; known: layer.100, layer.101"));
  EXPECT_TRUE(text.ends_with("layer.139 and 60 more")) << text;
  EXPECT_EQ(unknown_name_message("metric", "x", {}), "unknown metric 'x'; known: none");
}

TEST(Names, ASearchForWhatWasMeantEndsSoon) {
  const std::string huge(10'000'000, 'x');
  const std::vector<std::string> known = {"wanda", huge.substr(1)};
  EXPECT_TRUE(nearest_names(huge, known).empty());
  const std::string text = unknown_name_message("method", huge, {"wanda"});
  EXPECT_LT(text.size(), 200U);
  EXPECT_THAT(text, HasSubstr("xxx…'; known: wanda"));
}

TEST(Text, SizesAreAsProgramsOrAsTheHubHasThem) {
  EXPECT_EQ(human_bytes(12), "12 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(std::int64_t{3} << 50), "3072.0 TiB");
  EXPECT_EQ(decimal_bytes(999), "999 bytes");
  EXPECT_EQ(decimal_bytes(98'100'000), "98.1 MB");
  EXPECT_EQ(decimal_bytes(13'316'001'234), "13.3 GB");
  EXPECT_EQ(decimal_size("13.5 GB"), 13'500'000'000);
  EXPECT_EQ(decimal_size("98MB"), 98'000'000);
  EXPECT_EQ(decimal_size("1 TB"), 1'000'000'000'000);
  for (const char* none : {"", "GB", "13.5", "13.5 GiB", "-1 GB", "0 GB", "1e3 GB", "1.2345 GB"}) {
    EXPECT_FALSE(decimal_size(none)) << none;
  }
}

TEST(Text, TimesAreAsFineAsPeopleWantThem) {
  EXPECT_EQ(human_seconds(0.0032), "3.2 ms");
  EXPECT_EQ(human_seconds(12.34), "12.3 s");
  EXPECT_EQ(human_seconds(245), "4 min 05 s");
  EXPECT_EQ(human_seconds(3599.4), "59 min 59 s");
  EXPECT_EQ(human_seconds(3599.6), "1 h 00 min");
  EXPECT_EQ(human_seconds(6048), "1 h 41 min");
  EXPECT_EQ(human_seconds(86400), "24 h 00 min");
}

TEST(Text, EnumerationsEndWithAnd) {
  EXPECT_EQ(enumerated({}), "");
  EXPECT_EQ(enumerated({"a"}), "a");
  EXPECT_EQ(enumerated({"a", "b"}), "a and b");
  EXPECT_EQ(enumerated({"a", "b", "c"}), "a, b and c");
}

TEST(Text, SuggestionsFollowDistanceAndLength) {
  EXPECT_THAT(nearest_names("sparsty", {"sparsity", "pattern"}), ElementsAre("sparsity"));
  EXPECT_THAT(nearest_names("wnada", {"wanda", "ria"}), ElementsAre("wanda"));
  EXPECT_TRUE(nearest_names("ria", {"opt"}).empty());
}

TEST(Outcome, NamesRoundTrip) {
  for (Outcome outcome : kAllOutcomes) EXPECT_EQ(outcome_from_name(outcome_name(outcome)), outcome);
}

TEST(Files, AtomicWriteReplacesAndLeavesNothingElse) {
  const Folder folder;
  write_file_atomically(folder.path() / "a", "one");
  write_file_atomically(folder.path() / "a", "two");
  EXPECT_EQ(read_text_file(folder.path() / "a"), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator{}), 1);
}

TEST(Files, FailedFolderLeavesNothing) {
  const Folder folder;
  EXPECT_THROW(write_folder_atomically(folder.path() / "x",
                                       [](const fs::path& inside) {
                                         write_file_atomically(inside / "half", "1");
                                         throw UserError("stop");
                                       }),
               UserError);
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(Files, ImpossiblePlaceNamesTheRemedy) {
  try {
    write_file_atomically("/proc/assay", "x");
    FAIL();
  } catch (const MachineError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/proc/assay: cannot be written"));
  }
}

TEST(FileLock, OneAtATime) {
  const Folder folder;
  const fs::path entry = folder.path() / "entry";
  int inside = 0, most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const FileLock lock(entry, {});
      EXPECT_TRUE(lock.held());
      most = std::max(most, ++inside);  // nobody else is here: no race
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      --inside;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
}

TEST(FileLock, WaitingEndsWhenAskedTo) {
  const Folder folder;
  const FileLock first(folder.path() / "entry", {});
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    stop.request_stop();
  });
  EXPECT_FALSE(FileLock(folder.path() / "entry", stop.get_token()).held());
}

TEST(FileLock, APlaceThatCannotBeWrittenDoesNotStopAnybody) {
  EXPECT_FALSE(FileLock("/proc/assay/entry", {}).held());
}

}  // namespace
}  // namespace assay
