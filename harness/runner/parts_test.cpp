// The runner's small parts.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <random>
#include <set>

#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/temporary.h"
#include "harness/protocol/common_metrics.h"
#include "harness/protocol/metric_range.h"
#include "harness/runner/prepared_data.h"
#include "harness/runner/raw_data.h"
#include "harness/runner/runner_test_world.h"
#include "harness/runner/schedule.h"
#include "harness/runner/scratch.h"
#include "harness/runner/summaries.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing_world::Home;

std::vector<std::size_t> arms_of(const std::vector<Turn>& turns, std::size_t block) {
  std::vector<std::size_t> arms;
  for (const Turn& turn : turns) {
    if (turn.block == block) arms.push_back(turn.arm);
  }
  return arms;
}

TEST(Schedule, EveryBlockIsAPalindromeOfAllArms) {
  for (const std::size_t count : {1U, 2U, 5U}) {
    const auto turns = interleaved_order(count, 8, 3);
    ASSERT_EQ(turns.size(), count * 8);
    for (std::size_t block = 0; block < 4; ++block) {
      auto arms = arms_of(turns, block);
      ASSERT_EQ(arms.size(), 2 * count);
      EXPECT_TRUE(std::equal(arms.begin(), arms.begin() + static_cast<long>(count), arms.rbegin()));
      std::sort(arms.begin(), arms.end());
      for (std::size_t i = 0; i < arms.size(); ++i) EXPECT_EQ(arms[i], i / 2);
    }
  }
}

TEST(Schedule, AnOddNumberOfProcessesLeavesHalfABlock) {
  const auto turns = interleaved_order(3, 5, 7);
  ASSERT_EQ(turns.size(), 15U);
  EXPECT_THAT(arms_of(turns, 2), testing::UnorderedElementsAre(0, 1, 2));
  EXPECT_TRUE(interleaved_order(0, 4, 1).empty());
}

TEST(Schedule, ChanceAndTheSeedDecideWhichArmIsFirst) {
  std::size_t a_first = 0;
  constexpr std::size_t kBlocks = 400;
  const auto turns = interleaved_order(2, 2 * kBlocks, 11);
  for (std::size_t block = 0; block < kBlocks; ++block) {
    a_first += turns[4 * block].arm == 0 ? 1U : 0U;
  }
  // Five standard deviations of a fair coin.
  EXPECT_NEAR(static_cast<double>(a_first), kBlocks / 2.0, 5 * 10);
  const auto same = [&](std::uint64_t seed) {
    const auto other = interleaved_order(2, 2 * kBlocks, seed);
    return std::equal(turns.begin(), turns.end(), other.begin(),
                      [](const Turn& x, const Turn& y) { return x.arm == y.arm; });
  };
  EXPECT_TRUE(same(11));
  EXPECT_FALSE(same(12));
}

TEST(Schedule, OrderOfGroupsIsAPermutationThatTheSeedDecides) {
  auto order = seeded_order(20, 1);
  EXPECT_EQ(order, seeded_order(20, 1));
  EXPECT_NE(order, seeded_order(20, 2));
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], i);
}

TEST(Scratch, FoldersOfKilledProgramsGoAndThoseInUseStay) {
  const Home home;
  const ScratchFolder used;
  const std::filesystem::path left = home.path() / "scratch" / "left";
  std::filesystem::create_directories(left / "inner");
  remove_abandoned_scratch();
  EXPECT_FALSE(exists(left));
  EXPECT_TRUE(exists(used.path()));
}

TEST(Scratch, UnfinishedFilesOfKilledProgramsGoAndThoseInWorkStay) {
  const Home home;
  std::vector<std::filesystem::path> left, used;
  std::vector<Temporary> in_work;
  for (const char* folder : {"artefacts", "prepared", "models", "data/letters", "hashes/sha256"}) {
    const std::filesystem::path place = home.path() / folder;
    std::filesystem::create_directories(place);
    left.push_back(make_temporary_file(place / "killed").path);
    left.push_back(make_temporary_folder(place / "killed").path);
    in_work.push_back(make_temporary_file(place / "lives"));
    used.push_back(in_work.back().path);
    write_file_atomically(place / "whole.json", "{}");
    used.push_back(place / "whole.json");
  }
  remove_abandoned_scratch();
  for (const auto& path : left) EXPECT_FALSE(exists(path)) << path;
  for (const auto& path : used) EXPECT_TRUE(exists(path)) << path;
}

TEST(Scratch, ScoresThatNobodyWentOnFromGo) {
  const Home home;
  const auto at = [&](const std::string& key) { return scores_path(key) / "scores"; };
  for (const char* key : {"old", "new"}) {
    std::filesystem::create_directories(scores_path(key));
    write_file_atomically(at(key), "1");
  }
  const auto now = std::filesystem::file_time_type::clock::now();
  std::filesystem::last_write_time(at("old"), now - std::chrono::days(31));
  std::filesystem::last_write_time(at("new"), now - std::chrono::days(29));
  remove_abandoned_scratch();
  EXPECT_FALSE(exists(scores_path("old")));
  EXPECT_TRUE(exists(at("new")));
}

WorkerReply timed(double value) {
  WorkerReply reply;
  reply.samples = {{"t", 0, 1000, true},
                   {"t", 1, value, false},
                   {"t", 2, value + 2, false},
                   {"t", 3, value + 1, false}};
  MetricValue memory;
  memory.tag = "memory";
  memory.value = 10 * value;
  reply.metrics = {memory};
  return reply;
}

SuiteKindEntry timed_kind() {
  SuiteKindEntry kind;
  kind.metrics = {{"t", "s", -1, "", ""}, {"memory", "B", -1, "", ""}};
  return kind;
}

TEST(Summaries, MedianOfProcessMediansWithoutWarmUp) {
  const auto values = summarise_processes(timed_kind(), {timed(9), timed(12), timed(10)});
  ASSERT_EQ(values.size(), 2U);
  EXPECT_EQ(values[0].tag, "memory");
  EXPECT_DOUBLE_EQ(values[0].value.value(), 100);
  EXPECT_EQ(values[1].tag, "t");
  EXPECT_DOUBLE_EQ(values[1].value.value(), 11);
  EXPECT_EQ(values[1].n, 3);
  EXPECT_EQ(values[1].interval_method, "student_t_logs");
  // Process medians 10, 11, 13; t(2, 0.975) = 4.302653.
  const double center = (std::log(10.0) + std::log(11.0) + std::log(13.0)) / 3;
  double squares = 0;
  for (const double m : {10.0, 11.0, 13.0}) squares += std::pow(std::log(m) - center, 2);
  const double half = 4.302653 * std::sqrt(squares / 2 / 3);
  EXPECT_NEAR(values[1].lo.value(), std::exp(center - half), 1e-5);
  EXPECT_NEAR(values[1].hi.value(), std::exp(center + half), 1e-5);
}

TEST(Summaries, ProcessesThatDisagreeHaveNoIntervalAndSaySo) {
  const auto values = summarise_processes(timed_kind(), {timed(1), timed(5), timed(2)});
  EXPECT_FALSE(values[1].lo.has_value());
  EXPECT_FALSE(values[1].hi.has_value());
  EXPECT_EQ(values[1].no_interval,
            "3 processes, spread 3.0x: not enough for an interval; processes_per_arm = 12");
  const auto one = summarise_processes(timed_kind(), {timed(1)});
  EXPECT_FALSE(one[1].lo.has_value());
  EXPECT_EQ(one[1].no_interval, "1 process: not enough for an interval; processes_per_arm = 12");
}

MetricValue summary_of(const MetricDef& def, const std::vector<double>& values) {
  SuiteKindEntry kind;
  kind.metrics = {def};
  std::vector<WorkerReply> processes;
  for (const double value : values) {
    MetricValue& metric = processes.emplace_back().metrics.emplace_back();
    metric.tag = def.tag;
    metric.value = value;
  }
  return summarise_processes(kind, processes).front();
}

/// Every common metric, and one of each kind that suites declare, under values that nobody wants.
TEST(Summaries, NoBoundIsOutsideOfWhatAMetricCanBe) {
  std::vector<MetricDef> defs = {{"decode/tokens_per_s", "tokens/s", 1, "", ""},
                                 {"decode/token_latency", "s", -1, "", ""},
                                 {"acc", "", 1, "", ""},
                                 {"token_ppl", "", -1, "", ""}};
  for (const auto* common : {&accounting_metrics(), &fit_metrics(), &process_metrics()}) {
    defs.insert(defs.end(), common->begin(), common->end());
  }
  std::mt19937_64 random(2);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (const MetricDef& def : defs) {
    const MetricRange range = range_of(def.tag, def.unit);
    const double least = std::max(range.least, -1e9);
    for (int i = 0; i < 300; ++i) {
      std::vector<double> values(1 + random() % 13);
      const double power = 1 + 10 * uniform(random);
      const double most = range.most < 2 ? range.most : least + std::pow(10, 12 * uniform(random));
      for (double& v : values) v = least + (most - least) * std::pow(uniform(random), power);
      if (i % 5 == 0) values[0] = least;
      if (i % 7 == 0) values.back() = most;
      if (i % 9 == 0) values.assign(values.size(), i % 2 == 0 ? least : most);
      const MetricValue metric = summary_of(def, values);
      ASSERT_EQ(metric.lo.has_value(), metric.hi.has_value());
      if (values.size() > 1) {
        EXPECT_NE(metric.lo.has_value(), !metric.no_interval.empty()) << def.tag;
      }
      if (!metric.lo) continue;
      EXPECT_TRUE(range.holds(*metric.lo) && range.holds(*metric.hi))
          << def.tag << " " << *metric.lo << " " << *metric.hi;
      if (range.least >= 0) {
        EXPECT_LE(*metric.lo, *metric.value) << def.tag;
        EXPECT_GE(*metric.hi, *metric.value) << def.tag;
      }
    }
  }
}

DatasetEntry two_file_dataset() {
  DatasetEntry dataset;
  dataset.name = "letters";
  dataset.splits = {"all"};
  dataset.document = {
      {"splits",
       {{"all", {{"files", {"d/a", "d/b"}}, {"sha256", {sha256_hex("a"), sha256_hex("b")}}}}}}};
  return dataset;
}

TEST(RawData, LooksUnderTheNamedFolderThenInTheCache) {
  const Home home;
  const DatasetEntry dataset = two_file_dataset();
  EXPECT_THAT(missing_data_text(dataset, find_raw_files(dataset, "all")),
              HasSubstr("data set 'letters' is not here (d/a and 1 more); get it with: "
                        "assay data get letters"));
  std::filesystem::create_directories(home.path() / "named" / "d");
  std::filesystem::create_directories(home.path() / "data" / "letters" / "d");
  write_file_atomically(home.path() / "named/d/a", "a");
  write_file_atomically(home.path() / "data/letters/d/b", "x");
  ::setenv("ASSAY_DATA", (home.path() / "named").c_str(), 1);
  const RawFiles raw = find_raw_files(dataset, "all");
  ::unsetenv("ASSAY_DATA");
  EXPECT_THAT(raw.files, ElementsAre(home.path() / "named/d/a", home.path() / "data/letters/d/b"));
  EXPECT_THAT(raw.hashes, ElementsAre(sha256_hex("a"), sha256_hex("x")));
  EXPECT_THAT(raw.notes, ElementsAre(HasSubstr("not the content that the manifest")));
}

TEST(RawData, AnUnknownSplitIsAnErrorWithTheKnownOnes) {
  try {
    find_raw_files(two_file_dataset(), "al");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'all'"));
  }
}

PreparedRequest request_of(const DatasetEntry& dataset) {
  PreparedRequest request;
  request.dataset = &dataset;
  request.split = "all";
  request.tokenizer_folder = "folder";
  request.tokenizer_hash = "tokenizer";
  return request;
}

TEST(PreparedData, KeyDependsOnContentTokenizerTaskAndTools) {
  const DatasetEntry dataset = two_file_dataset();
  const PreparedRequest request = request_of(dataset);
  RawFiles raw;
  raw.hashes = {"1", "2"};
  const std::string key = prepared_key(request, raw, "tools");
  EXPECT_EQ(key, prepared_key(request, raw, "tools"));
  EXPECT_NE(key, prepared_key(request, raw, "other tools"));
  PreparedRequest other = request;
  other.task = "piqa";
  EXPECT_NE(key, prepared_key(other, raw, "tools"));
  other = request;
  other.tokenizer_hash = "another";
  EXPECT_NE(key, prepared_key(other, raw, "tools"));
  other = request;
  other.tokenizer_folder = "moved";
  EXPECT_EQ(key, prepared_key(other, raw, "tools"));
  raw.hashes[1] = "3";
  EXPECT_NE(key, prepared_key(request, raw, "tools"));
}

TEST(PreparedData, KeyOfLabelledDataDependsOnLengthColumnsAndClasses) {
  const DatasetEntry dataset = two_file_dataset();
  PreparedRequest request = request_of(dataset);
  std::set<std::string> keys = {prepared_key(request, {}, "tools")};
  request.format = "labelled";
  for (const std::int64_t tokens : {64, 128}) {
    request.max_tokens = tokens;
    keys.insert(prepared_key(request, {}, "tools"));
  }
  const Json changes[] = {{{"text", {"a"}}},
                          {{"label", "b"}},
                          {{"labels", {{"x", 0}, {"y", 1}}}},
                          {{"labels", {{"x", 1}, {"y", 0}}}},
                          {{"separator", " "}}};
  for (const Json& change : changes) {
    DatasetEntry other = dataset;
    other.document.update(change);
    request.dataset = &other;
    keys.insert(prepared_key(request, {}, "tools"));
  }
  EXPECT_EQ(keys.size(), 3 + std::size(changes));
}

/// The prepared folder holds the note, so two pins of one content are two folders.
TEST(PreparedData, KeyDependsOnThePinOnlyWhereTheContentIsAnother) {
  const Home home;
  std::filesystem::create_directories(home.path() / "data/letters/d");
  write_file_atomically(home.path() / "data/letters/d/a", "a");
  write_file_atomically(home.path() / "data/letters/d/b", "b");
  const auto key_with = [](const Json& pins) {
    DatasetEntry dataset = two_file_dataset();
    dataset.document["splits"]["all"]["sha256"] = pins;
    return prepared_key(request_of(dataset), find_raw_files(dataset, "all"), "tools");
  };
  const std::string right_a = sha256_hex("a"), right_b = sha256_hex("b");
  EXPECT_EQ(key_with({right_a, right_b}), key_with(Json::array()));
  EXPECT_NE(key_with({right_a, right_b}), key_with({right_a, "0"}));
  EXPECT_NE(key_with({right_a, "1"}), key_with({right_a, "0"}));
}

TEST(PreparedData, IsIntactOnlyWithEveryFileAsListed) {
  const Home home;
  const auto folder = home.path() / "prepared";
  EXPECT_FALSE(prepared_is_intact(folder, "tokenizer"));
  std::filesystem::create_directories(folder);
  write_file_atomically(folder / "tokens.bin", "tokens");
  EXPECT_FALSE(prepared_is_intact(folder, "tokenizer"));
  write_file_atomically(
      folder / "manifest.json",
      Json({{"version", 1}, {"files", {{"tokens.bin", sha256_hex("tokens")}}}}).dump());
  EXPECT_TRUE(prepared_is_intact(folder, "tokenizer"));
  write_file_atomically(folder / "manifest.json",
                        Json({{"version", 1},
                              {"tokenizer_hash", "tokenizer"},
                              {"files", {{"tokens.bin", sha256_hex("tokens")}}}})
                            .dump());
  EXPECT_TRUE(prepared_is_intact(folder, "tokenizer"));
  EXPECT_FALSE(prepared_is_intact(folder, "another tokenizer"));
  write_file_atomically(folder / "tokens.bin", "tokenz");
  EXPECT_FALSE(prepared_is_intact(folder, "tokenizer"));
  std::filesystem::remove(folder / "tokens.bin");
  EXPECT_FALSE(prepared_is_intact(folder, "tokenizer"));
}

}  // namespace
}  // namespace assay
