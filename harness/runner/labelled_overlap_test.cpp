#include "harness/runner/labelled_overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/hashing.h"
#include "harness/runner/runner_test_world.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing_world::Home;

template <typename Value>
std::string bytes_of(const std::vector<Value>& values) {
  std::string bytes(values.size() * sizeof(Value), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Items on lines 2, 3, ... of `name`.tsv, each with this hash of its text.
std::filesystem::path prepared(const Home& home, const std::string& name,
                               const std::vector<std::uint64_t>& hashes, const Json& raw,
                               const std::string& format = "labelled") {
  const auto folder = home.path() / name;
  std::filesystem::create_directories(folder);
  std::vector<std::int32_t> lines;
  for (std::size_t i = 0; i < hashes.size(); ++i) lines.push_back(static_cast<int>(i) + 2);
  Json files = Json::object();
  const auto write = [&](const char* file, const std::string& bytes) {
    write_file_atomically(folder / file, bytes);
    files[file] = sha256_hex(bytes);
  };
  write("text_hashes.bin", bytes_of(hashes));
  write("lines.bin", bytes_of(lines));
  write_file_atomically(folder / "manifest.json", Json({{"version", 1},
                                                        {"format", format},
                                                        {"documents", hashes.size()},
                                                        {"raw", raw},
                                                        {"files", files}})
                                                      .dump());
  return folder;
}

Json one_file(const char* name, int items) { return {{{"file", name}, {"items", items}}}; }

std::string problem(const std::filesystem::path& training,
                    const std::filesystem::path& evaluation) {
  try {
    (void)overlap_of(training, evaluation);
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

TEST(LabelledOverlap, CountsItemsAndNamesTheFirst) {
  const Home home;
  const Json files = {{{"file", "a.tsv"}, {"items", 1}}, {{"file", "b.tsv"}, {"items", 4}}};
  const auto training = prepared(home, "training", {9, 7, 3, 7, 4}, files);
  const auto evaluation = prepared(home, "evaluation", {1, 2, 7, 4}, one_file("dev.tsv", 4));
  const LabelledOverlap found = overlap_of(training, evaluation);
  EXPECT_EQ(found.items, 3);
  EXPECT_EQ(found.training, "b.tsv:3");
  EXPECT_EQ(found.evaluation, "dev.tsv:4");
}

TEST(LabelledOverlap, OtherTextsHaveNothingInCommon) {
  const Home home;
  const auto training = prepared(home, "training", {1, 2}, one_file("a.tsv", 2));
  const auto evaluation = prepared(home, "evaluation", {3}, one_file("b.tsv", 1));
  EXPECT_EQ(overlap_of(training, evaluation).items, 0);
  EXPECT_EQ(overlap_of(training, evaluation).training, "");
}

TEST(LabelledOverlap, FoldersOfAnotherFormAreNamed) {
  const Home home;
  const auto good = prepared(home, "good", {1, 2}, one_file("a.tsv", 2));
  const auto stream = prepared(home, "stream", {1}, one_file("a.txt", 1), "stream");
  EXPECT_THAT(
      problem(good, stream),
      HasSubstr("manifest.json: holds data in the form 'stream', and 'labelled' is needed"));
  EXPECT_THAT(problem(home.path() / "none", good), HasSubstr("none/manifest.json"));
  write_file_atomically(good / "lines.bin", "abc");
  EXPECT_THAT(problem(good, good), HasSubstr("lines.bin: content differs from its hash"));
  write_file_atomically(good / "manifest.json", R"({"format": "labelled"})");
  EXPECT_THAT(problem(good, good), HasSubstr("manifest.json: "));
}

}  // namespace
}  // namespace assay
