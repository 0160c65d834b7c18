#include "harness/data/labelled_items.h"

#include <gmock/gmock.h>

#include <functional>
#include <map>

#include "harness/base/cell_errors.h"
#include "harness/base/clock.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

template <typename Value>
std::string bytes(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}

/// A folder of three items as `prepare-labelled` writes it; tests spoil it.
class LabelledFolder : public testing::Test {
 protected:
  LabelledFolder() { fs::create_directories(folder_); }
  ~LabelledFolder() override { fs::remove_all(folder_); }

  /// Files with their right hashes.
  void write() const {
    Json document = manifest_;
    for (const auto& [name, content] : files_) {
      write_file_atomically(folder_ / name, content);
      document["files"][name] = sha256_hex(content);
    }
    write_file_atomically(folder_ / "manifest.json", document.dump());
  }

  void expect_error(const std::string& text) const {
    EXPECT_THAT([&] { (void)read_labelled_items(folder_); },
                ThrowsMessage<FileError>(HasSubstr(text)));
  }

  fs::path folder_ = fs::temp_directory_path() / ("assay-labelled-" + new_uuid());
  std::map<std::string, std::string> files_ = {
      {"tokens.bin", bytes<std::int32_t>({101, 7, 102, 101, 102, 101, 8, 9, 102})},
      {"token_types.bin", bytes<std::uint8_t>({0, 0, 0, 0, 0, 0, 0, 1, 1})},
      {"offsets.bin", bytes<std::int64_t>({0, 3, 5, 9})},
      {"labels.bin", bytes<std::int32_t>({1, 0, 1})},
      {"lines.bin", bytes<std::int32_t>({2, 3, 7})},
      {"hashes.bin", std::string("\x00\x01\x02\x03\x04\x05\x06\xff", 8) + std::string(16, 'a')},
      {"text_hashes.bin", std::string(8, '\x10') + std::string(16, 'b')}};
  Json manifest_ = {{"version", 1},
                    {"format", "labelled"},
                    {"dataset", "sst2"},
                    {"split", "train"},
                    {"tokens", 9},
                    {"documents", 3},
                    {"labels", {"negative", "positive"}},
                    {"max_tokens", 128},
                    {"truncated", 1},
                    {"notes", {{{"code", "items_truncated"}, {"text", "1 of 3 items"}}}},
                    {"files", Json::object()}};
};

TEST_F(LabelledFolder, IsReadWhole) {
  write();
  const LabelledItems items = read_labelled_items(folder_);
  EXPECT_EQ(items.count(), 3);
  EXPECT_EQ(items.dataset + "/" + items.split, "sst2/train");
  EXPECT_THAT(items.tokens_of(0), ElementsAre(101, 7, 102));
  EXPECT_THAT(items.tokens_of(1), ElementsAre(101, 102));
  EXPECT_THAT(items.token_types_of(2), ElementsAre(0, 0, 1, 1));
  EXPECT_EQ(items.length(2), 4);
  EXPECT_THAT(items.labels, ElementsAre(1, 0, 1));
  EXPECT_THAT(items.label_names, ElementsAre("negative", "positive"));
  EXPECT_THAT(items.hashes,
              ElementsAre("00010203040506ff", "6161616161616161", "6161616161616161"));
  EXPECT_EQ(items.text_hashes.front(), "1010101010101010");
  EXPECT_THAT(items.lines, ElementsAre(2, 3, 7));
  EXPECT_EQ(items.max_tokens, 128);
  EXPECT_EQ(items.truncated, 1);
  ASSERT_EQ(items.notes.size(), 1U);
  EXPECT_EQ(items.notes.front().code, "items_truncated");
}

TEST_F(LabelledFolder, DamageIsFoundInEveryFile) {
  for (const auto& [name, content] : files_) {
    write();
    std::string other = content;
    other.back() ^= 1;
    write_file_atomically(folder_ / name, other);
    expect_error(name + ": content differs from its hash");
    fs::remove(folder_ / name);
    expect_error("no such file");
  }
}

TEST_F(LabelledFolder, SizesAreThoseOfTheManifest) {
  for (const auto& [name, content] : files_) {
    const std::string whole = content;
    files_[name] += "x";
    write();
    expect_error(name + ": " + std::to_string(whole.size() + 1) + " bytes");
    files_[name] = whole;
  }
}

TEST_F(LabelledFolder, OffsetsAscendOverAllTokens) {
  files_["offsets.bin"] = bytes<std::int64_t>({0, 3, 5, 8});
  write();
  expect_error("offsets do not cover the tokens");
  files_["offsets.bin"] = bytes<std::int64_t>({0, 3, 3, 9});
  write();
  expect_error("item 1 ends where it begins");
  files_["offsets.bin"] = bytes<std::int64_t>({0, 7, 5, 9});
  write();
  expect_error("item 1 ends where it begins or before");
}

TEST_F(LabelledFolder, ClassesHaveNames) {
  for (const std::int32_t wrong : {-1, 2}) {
    files_["labels.bin"] = bytes<std::int32_t>({1, wrong, 1});
    write();
    expect_error("item 1 has class " + std::to_string(wrong) + "; there are 2");
  }
}

TEST_F(LabelledFolder, TokensAndSegmentsAreInTheirRange) {
  files_["tokens.bin"] = bytes<std::int32_t>({101, 7, 102, 101, -1, 101, 8, 9, 102});
  write();
  expect_error("tokens.bin: a token is negative");
  files_["tokens.bin"] = bytes<std::int32_t>({101, 7, 102, 101, 1, 101, 8, 9, 102});
  files_["token_types.bin"].back() = 2;
  write();
  expect_error("token_types.bin: a segment is neither 0 nor 1");
}

TEST_F(LabelledFolder, ForeignManifestsAreRefused) {
  expect_error("manifest.json: no such file");
  manifest_["format"] = "stream";
  write();
  expect_error("holds data in the form 'stream', and 'labelled' is needed");
  manifest_["format"] = "labelled";
  manifest_["version"] = 2;
  write();
  expect_error("no manifest of version 1");
  manifest_["version"] = 1;
  manifest_.erase("labels");
  write();
  expect_error("manifest.json: ");
}

TEST_F(LabelledFolder, APartHasItsOwnOffsets) {
  write();
  const LabelledItems all = read_labelled_items(folder_);
  const std::vector<std::int64_t> which = {2, 0};
  const LabelledItems part = chosen_items(all, which);
  EXPECT_THAT(part.offsets, ElementsAre(0, 4, 7));
  EXPECT_THAT(part.tokens_of(0), ElementsAre(101, 8, 9, 102));
  EXPECT_THAT(part.token_types_of(0), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(part.lines, ElementsAre(7, 2));
  EXPECT_EQ(part.hashes[1], all.hashes[0]);
  EXPECT_THROW((void)chosen_items(all, std::vector<std::int64_t>{3}), std::out_of_range);
}

TEST_F(LabelledFolder, TheContentHashIsOfWhatAModelSees) {
  write();
  LabelledItems items = read_labelled_items(folder_);
  const std::string before = items.content_hash();
  items.lines.front() = 99;
  EXPECT_EQ(items.content_hash(), before);
  items.labels.front() = 0;
  EXPECT_NE(items.content_hash(), before);
}

}  // namespace
}  // namespace assay
