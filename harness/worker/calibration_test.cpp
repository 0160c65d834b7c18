#include "harness/worker/calibration.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>

#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

/// The documents that scripts/golden/calibration.py draws from.
CalibrationText golden_documents() {
  CalibrationText stream;
  stream.document_offsets.push_back(0);
  for (int d = 0; d < 300; ++d) {
    for (int t = 0; t < (37 * d) % 90; ++t) stream.document_tokens.push_back(1000 * d + t);
    stream.document_offsets.push_back(static_cast<std::int64_t>(stream.document_tokens.size()));
  }
  return stream;
}

std::vector<std::int32_t> golden_stream() {
  std::vector<std::int32_t> tokens(5000);
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

/// In both golden texts a crop counts up from its first token.
std::vector<std::int32_t> crops_from(const Json& first_tokens, std::int64_t tokens) {
  std::vector<std::int32_t> all;
  for (const Json& first : first_tokens) {
    for (std::int64_t t = 0; t < tokens; ++t) {
      all.push_back(static_cast<std::int32_t>(first.get<std::int64_t>() + t));
    }
  }
  return all;
}

TEST(Calibration, DrawsWhatThePublishedScriptsDraw) {
  const Json cases = read_json_file(source_dir() / "tests/data/calibration/golden.json");
  ASSERT_EQ(cases.size(), 3U);
  const CalibrationText documents = golden_documents();
  for (const Json& golden : cases) {
    const auto seed = golden.at("seed").get<std::uint64_t>();
    const auto samples = golden.at("samples").get<std::int64_t>();
    const auto tokens = golden.at("tokens").get<std::int64_t>();
    EXPECT_EQ(sample_documents(documents.document_tokens, documents.document_offsets, samples,
                               tokens, seed),
              crops_from(golden.at("documents"), tokens));
    EXPECT_EQ(sample_stream(golden_stream(), samples, tokens, seed),
              crops_from(golden.at("stream"), tokens));
  }
}

template <typename Work>
std::string error_of(Work work) {
  try {
    work();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Calibration, TooShortTextSaysHowLongItIsAndWhatToLower) {
  const std::vector<std::int32_t> text(100);
  const std::string stream_error = error_of([&] { sample_stream(text, 4, 100, 0); });
  EXPECT_NE(stream_error.find("100 tokens"), std::string::npos) << stream_error;
  EXPECT_NE(stream_error.find("lower calibration.tokens to at most 99"), std::string::npos);
  EXPECT_EQ(sample_stream(text, 4, 99, 0).size(), 4U * 99);

  const CalibrationText documents = golden_documents();  // the longest has 89
  const std::string error = error_of(
      [&] { sample_documents(documents.document_tokens, documents.document_offsets, 4, 89, 0); });
  EXPECT_NE(error.find("longest of 300 documents has 89"), std::string::npos) << error;
  EXPECT_NE(error.find("at most 88"), std::string::npos);
  EXPECT_EQ(
      sample_documents(documents.document_tokens, documents.document_offsets, 4, 88, 0).size(),
      4U * 88);
  EXPECT_NE(error_of([] { sample_documents({}, {}, 1, 1, 0); }), "no error");
}

class CalibrationFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) / "calibration_test";
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    write<std::int32_t>("tokens.bin", {1, 2, 3, 4});
    write<std::int32_t>("document_tokens.bin", {1, 2, 3});
    write<std::int64_t>("document_offsets.bin", {0, 1, 3});
  }
  void write_text(const char* name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  void write_manifest() { std::ofstream(folder_ / "manifest.json") << manifest_.dump(); }
  /// And the hash into the manifest.
  void write_bytes(const char* name, const std::string& bytes) {
    write_text(name, bytes);
    manifest_["files"][name] = sha256_hex(bytes);
    write_manifest();
  }
  template <typename T>
  void write(const char* name, const std::vector<T>& values) {
    write_bytes(name, {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)});
  }
  std::filesystem::path folder_;
  Json manifest_ = {{"version", 1}, {"format", "stream"}, {"tokens", 4}, {"files", Json::object()}};
};

TEST_F(CalibrationFolder, IsRead) {
  EXPECT_EQ(read_calibration_text(folder_, "stream").tokens,
            (std::vector<std::int32_t>{1, 2, 3, 4}));
  const CalibrationText documents = read_calibration_text(folder_, "documents");
  EXPECT_EQ(documents.document_offsets, (std::vector<std::int64_t>{0, 1, 3}));
  EXPECT_EQ(sample_calibration({folder_, "stream", 5, 3}, 0).size(), 15U);
}

TEST_F(CalibrationFolder, DamageIsRefused) {
  const auto stream_error = [&] {
    return error_of([&] { read_calibration_text(folder_, "stream"); });
  };
  write_text("tokens.bin", "1234");
  EXPECT_NE(stream_error().find("differs from its hash"), std::string::npos);
  write_bytes("tokens.bin", "12345");
  EXPECT_NE(stream_error().find("5 bytes"), std::string::npos);
  for (const std::vector<std::int64_t>& offsets :
       {std::vector<std::int64_t>{0, 1, 4}, {1, 3}, {0, 2, 1, 3}, {}, {0, -1, 3}}) {
    write<std::int64_t>("document_offsets.bin", offsets);
    EXPECT_NE(error_of([&] { read_calibration_text(folder_, "documents"); }).find("do not cover"),
              std::string::npos);
  }
  EXPECT_NE(error_of([&] { read_calibration_text(folder_ / "x", "stream"); }), "no error");
}

TEST_F(CalibrationFolder, ManifestMustBeOfATextAndOfThisVersion) {
  const Json good = manifest_;
  for (const char* key : {"version", "format", "files"}) {
    for (const Json& value : {Json(), Json(2), Json("items")}) {
      manifest_ = good;
      manifest_[key] = value;
      write_manifest();
      EXPECT_NE(error_of([&] { read_calibration_text(folder_, "stream"); }), "no error")
          << manifest_.dump();
    }
  }
}

}  // namespace
}  // namespace assay
