// Traces on disk: what is in them after kills, full disks, damage and another purpose.

#include "harness/contextual/trace_file.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/method/recording_context.h"
#include "tests/support/small_files.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Json kIdentity = {{"settings", {{"rule", "a"}}}, {"tokens", "0f3a"}};

class TraceFileTest : public testing::Test {
 protected:
  static constexpr std::int64_t kRows = 4, kWidth = 64;
  static constexpr std::int64_t kBytes = kRows * kWidth * 4;  ///< of "wide", a sequence

  TraceFileTest() {
    for (std::int64_t i = 0; i < 8; ++i) {
      wide_.push_back(at::randint(-1000, 1000, {kRows, kWidth}, at::kFloat));
      flags_.push_back(at::randint(0, 256, {1, 3}, at::kByte));
    }
  }
  void add(TraceFile& trace) const {
    const auto i = static_cast<std::size_t>(trace.sequences());
    trace.append("layer.0.wide", wide_[i]);
    trace.append("flags", flags_[i]);
    trace.end_sequence();
  }
  void add_up_to(TraceFile& trace, std::int64_t count) const {
    while (trace.sequences() < count) add(trace);
  }
  /// Holds the first `count` sequences, bit for bit.
  void expect_holds(const TraceFile& trace, std::int64_t count) const {
    ASSERT_EQ(trace.sequences(), count);
    const auto first = [&](const std::vector<at::Tensor>& all) {
      return at::cat(std::vector(all.begin(), all.begin() + count));
    };
    const auto columns = trace.columns();
    ASSERT_EQ(columns.size(), 2U);
    EXPECT_TRUE(columns.at("layer.0.wide").equal(first(wide_)));
    EXPECT_TRUE(columns.at("flags").equal(first(flags_)));
  }
  [[nodiscard]] fs::path wide_file() const { return folder_ / "layer.0.wide.bin"; }
  [[nodiscard]] fs::path head() const { return folder_ / "trace.json"; }
  void leave(std::int64_t committed) const {
    TraceFile trace(folder_, kIdentity);
    add_up_to(trace, committed);
    trace.commit();
  }

  RecordingContext place_{{}, 0, {}};
  fs::path folder_ = place_.scratch() / "traces";
  std::vector<at::Tensor> wide_, flags_;
};

TEST_F(TraceFileTest, HoldsWhatEveryTypeHadBitForBit) {
  std::map<std::string, std::vector<at::Tensor>> given;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16, at::kHalf, at::kDouble, at::kLong,
                                     at::kInt, at::kShort, at::kChar, at::kByte, at::kBool}) {
    for (std::int64_t i = 0; i < 3; ++i) {
      given[c10::toString(dtype)].push_back(at::randint(0, 100, {5, 2, 3}, at::kLong).to(dtype));
    }
  }
  for (std::int64_t i = 0; i < 3; ++i) {
    given["turned"].push_back(at::randint(0, 100, {7, 2}, at::kInt).t());
    given["empty"].push_back(at::randint(0, 100, {2, 0}, at::kInt));
  }
  {
    TraceFile trace(folder_, kIdentity);
    for (std::size_t i = 0; i < 3; ++i) {
      for (const auto& [name, parts] : given) trace.append(name, parts[i]);
      trace.end_sequence();
    }
    trace.commit();
  }
  const auto columns = TraceFile(folder_, kIdentity).columns();
  ASSERT_EQ(columns.size(), given.size());
  for (const auto& [name, parts] : given) {
    const at::Tensor expected = at::cat(parts).contiguous(), &found = columns.at(name);
    EXPECT_EQ(found.scalar_type(), expected.scalar_type()) << name;
    EXPECT_TRUE(found.equal(expected)) << name;
    const std::string bytes = read_text_file(folder_ / (name + ".bin"));
    ASSERT_EQ(bytes.size(), expected.nbytes()) << name;
    EXPECT_EQ(std::memcmp(bytes.data(), expected.const_data_ptr(), bytes.size()), 0) << name;
  }
}

TEST_F(TraceFileTest, SaysWhatItHolds) {
  leave(2);
  EXPECT_EQ(read_json_file(head()),
            (Json{{"version", 2},
                  {"identity", kIdentity},
                  {"sequences", 2},
                  {"columns",
                   {{"flags", {{"dtype", "Byte"}, {"rows", 2}, {"row", {3}}}},
                    {"layer.0.wide", {{"dtype", "Float"}, {"rows", 8}, {"row", {64}}}}}}}));
}

TEST_F(TraceFileTest, AKilledProcessLeavesWhatItCommitted) {
  for (const std::int64_t committed : {0, 1, 3}) {
    fs::remove_all(folder_);
    EXPECT_EXIT(
        {
          TraceFile trace(folder_, kIdentity);
          add_up_to(trace, committed);
          trace.commit();
          add_up_to(trace, 5);
          trace.append("layer.0.wide", wide_[5]);
          ::raise(SIGKILL);
        },
        testing::KilledBySignal(SIGKILL), "");
    EXPECT_EQ(static_cast<std::int64_t>(fs::file_size(wide_file())), 6 * kBytes);
    TraceFile trace(folder_, kIdentity);
    EXPECT_TRUE(trace.dropped().empty()) << trace.dropped();
    EXPECT_EQ(trace.sequences(), committed);
    add_up_to(trace, 8);
    expect_holds(trace, 8);
  }
}

TEST_F(TraceFileTest, SequencesHaveAsManyRowsAsTheyHave) {
  const auto add_parts = [&](TraceFile& trace, std::int64_t end) {
    while (trace.sequences() < end) {
      const auto i = trace.sequences();
      const at::Tensor& wide = wide_[static_cast<std::size_t>(i)];
      trace.append("wide", wide.narrow(0, 0, i % kRows));  // none of the first
      trace.append("flags", flags_[static_cast<std::size_t>(i)]);
      trace.end_sequence();
    }
  };
  EXPECT_EXIT(
      {
        TraceFile trace(folder_, kIdentity);
        add_parts(trace, 4);
        trace.commit();
        add_parts(trace, 6);
        ::raise(SIGKILL);
      },
      testing::KilledBySignal(SIGKILL), "");
  TraceFile trace(folder_, kIdentity);
  EXPECT_TRUE(trace.dropped().empty()) << trace.dropped();
  EXPECT_EQ(trace.sequences(), 4);
  EXPECT_EQ(trace.columns().at("wide").size(0), 0 + 1 + 2 + 3);
  add_parts(trace, 8);
  std::vector<at::Tensor> parts;
  for (std::int64_t i = 0; i < 8; ++i) {
    parts.push_back(wide_[static_cast<std::size_t>(i)].narrow(0, 0, i % kRows));
  }
  EXPECT_TRUE(trace.columns().at("wide").equal(at::cat(parts)));
  EXPECT_TRUE(trace.columns().at("flags").equal(at::cat(flags_)));
}

TEST_F(TraceFileTest, WhatStandsBehindTheCommitGoes) {
  leave(3);
  std::ofstream(wide_file(), std::ios::app) << "torn";
  for (const char* name : {".trace.json.0a1b2c3d", "late.bin", "notes"}) {
    std::ofstream(folder_ / name) << "half";
  }
  TraceFile trace(folder_, kIdentity);
  EXPECT_TRUE(trace.dropped().empty());
  EXPECT_EQ(static_cast<std::int64_t>(fs::file_size(wide_file())), 3 * kBytes);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 3);
  expect_holds(trace, 3);
  add_up_to(trace, 6);
  trace.commit();
  expect_holds(TraceFile(folder_, kIdentity), 6);
}

TEST_F(TraceFileTest, ATraceOfSomethingElseIsNotGoneOnFrom) {
  leave(3);
  Json other = kIdentity;
  other["settings"]["rule"] = "b";
  const at::Tensor before = TraceFile(folder_, kIdentity).columns().at("layer.0.wide");
  TraceFile trace(folder_, other);
  EXPECT_THAT(trace.dropped(), HasSubstr("\"/settings/rule\" differs"));
  EXPECT_EQ(trace.sequences(), 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 0);
  trace.append("layer.0.wide", wide_[7].narrow(0, 0, 1).to(at::kDouble));  // other columns, too
  trace.end_sequence();
  trace.commit();
  EXPECT_EQ(TraceFile(folder_, other).columns().size(), 1U);
  EXPECT_TRUE(before.equal(at::cat({wide_[0], wide_[1], wide_[2]}))) << "somebody looked at it";
  EXPECT_FALSE(TraceFile(folder_, kIdentity).dropped().empty());
}

TEST_F(TraceFileTest, ADamagedTraceIsNotGoneOnFrom) {
  const auto begins_anew_after = [&](const std::string& what, auto spoil) {
    leave(3);
    spoil();
    TraceFile trace(folder_, kIdentity);
    EXPECT_THAT(trace.dropped(), HasSubstr("begins anew")) << what;
    EXPECT_EQ(trace.sequences(), 0) << what;
    add_up_to(trace, 8);
    expect_holds(trace, 8);
  };
  const auto with_head = [&](const Json& patch) {
    Json all = read_json_file(head());
    all.merge_patch(patch);
    write_file_atomically(head(), all.dump());
  };
  begins_anew_after("short", [&] { fs::resize_file(wide_file(), 3 * kBytes - 1); });
  begins_anew_after("gone", [&] { fs::remove(folder_ / "flags.bin"); });
  begins_anew_after("half", [&] { fs::resize_file(head(), fs::file_size(head()) / 2); });
  begins_anew_after("text", [&] { write_file_atomically(head(), "no trace"); });
  begins_anew_after("version", [&] { with_head({{"version", 1}}); });
  begins_anew_after("type", [&] { with_head({{"columns", {{"flags", {{"dtype", "Odd"}}}}}}); });
  begins_anew_after("size", [&] { with_head({{"columns", {{"flags", {{"rows", -1}}}}}}); });
  begins_anew_after("lack", [&] { with_head({{"columns", {{"flags", {{"row", nullptr}}}}}}); });
  begins_anew_after("count", [&] { with_head({{"sequences", -1}}); });
}

TEST_F(TraceFileTest, AFullDiskLeavesWhatWasCommitted) {
  {
    TraceFile trace(folder_, kIdentity);
    add_up_to(trace, 2);
    trace.commit();
    const SmallFiles full(3 * kBytes + kBytes / 2);
    add(trace);
    EXPECT_THAT([&] { add(trace); },
                ThrowsMessage<MachineError>(testing::AllOf(HasSubstr(wide_file().string()),
                                                           HasSubstr("cannot be written: "))));
  }
  TraceFile trace(folder_, kIdentity);
  EXPECT_TRUE(trace.dropped().empty());
  expect_holds(trace, 2);
  add_up_to(trace, 8);
  expect_holds(trace, 8);
}

TEST_F(TraceFileTest, ACommitThatFailsLeavesTheOneBefore) {
  {
    TraceFile trace(folder_, kIdentity);
    add_up_to(trace, 2);
    trace.commit();
    add(trace);
    const SmallFiles full(64);
    EXPECT_THROW(trace.commit(), MachineError);
  }
  expect_holds(TraceFile(folder_, kIdentity), 2);
}

TEST_F(TraceFileTest, WhatIsMappedOutlivesTheFolderAndLeavesItAlone) {
  leave(3);
  const at::Tensor mapped = TraceFile(folder_, kIdentity).columns().at("layer.0.wide");
  const std::string bytes = read_text_file(wide_file());
  mapped.add_(1);
  EXPECT_EQ(read_text_file(wide_file()), bytes);
  fs::remove_all(folder_);
  EXPECT_TRUE(mapped.equal(at::cat({wide_[0], wide_[1], wide_[2]}).add(1)));
}

TEST_F(TraceFileTest, SequencesThatDifferAreRefused) {
  const auto refused = [&](auto misuse) {
    fs::remove_all(folder_);
    TraceFile trace(folder_, kIdentity);
    add(trace);
    EXPECT_THROW(misuse(trace), std::logic_error);
  };
  refused([&](TraceFile& trace) { trace.append("flags", flags_[1].to(at::kInt)); });
  refused([&](TraceFile& trace) { trace.append("flags", flags_[1].view({3, 1})); });
  refused([&](TraceFile& trace) { trace.append("more", flags_[1]); });
  refused([&](TraceFile& trace) {
    trace.append("flags", flags_[1]);
    trace.append("flags", flags_[1]);
  });
  refused([&](TraceFile& trace) {
    trace.append("flags", flags_[1]);
    trace.end_sequence();
  });
}

}  // namespace
}  // namespace assay
