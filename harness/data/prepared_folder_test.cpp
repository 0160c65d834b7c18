#include "harness/data/prepared_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class PreparedFolderTest : public testing::Test {
 protected:
  PreparedFolderTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write("values.bin", std::string("\x01\0\0\0\xff\xff\xff\xff", 8));
  }
  void write(const std::string& file, const std::string& bytes) {
    write_file_atomically(folder_ / file, bytes);
    manifest_["files"][file] = sha256_hex(bytes);
    write_manifest();
  }
  void write_manifest() const {
    write_file_atomically(folder_ / "manifest.json", manifest_.dump());
  }
  template <typename Work>
  std::string error_of(Work work) const {
    try {
      work();
      return "";
    } catch (const FileError& error) {
      EXPECT_THAT(error.what(), testing::StartsWith(folder_.string()));
      return error.what();
    }
  }
  std::string open_error() const {
    return error_of([&] { const PreparedFolder folder(folder_, "stream"); });
  }

  fs::path folder_ = fs::path(testing::TempDir()) / "prepared_folder_test";
  Json manifest_ = {{"version", 1}, {"format", "stream"}, {"tokens", 2}, {"files", Json::object()}};
};

TEST_F(PreparedFolderTest, GivesWhatItsManifestVouchesFor) {
  manifest_["dataset"] = "letters";
  manifest_["split"] = "test";
  manifest_["notes"] = {{{"code", "a"}, {"text", "b"}}};
  write_manifest();
  const PreparedFolder folder(folder_, "stream");
  EXPECT_EQ(folder.format(), "stream");
  EXPECT_EQ(folder.text_name(), "letters/test");
  EXPECT_EQ(folder.notes().at(0).text, "b");
  EXPECT_THAT(folder.read_array<std::int32_t>("values.bin", folder.count("tokens")),
              ElementsAre(1, -1));
  EXPECT_THAT(folder.read_array<std::int64_t>("values.bin"), ElementsAre(-4294967295));
}

TEST_F(PreparedFolderTest, RefusesForeignManifests) {
  const Json good = manifest_;
  for (const auto& [key, value, text] :
       {std::tuple<const char*, Json, const char*>{"version", 2, "version 1 (version: 2)"},
        {"version", "1", "version: \"1\""},
        {"version", Json(), "version: none"},
        {"files", 3, "no hashes of its files"},
        {"format", "items", "in the form 'items', and 'stream' is needed"},
        {"format", 7, "type must be string"}}) {
    manifest_ = good;
    manifest_[key] = value;
    write_manifest();
    EXPECT_THAT(open_error(), HasSubstr(text)) << key;
  }
  write_file_atomically(folder_ / "manifest.json", "[]");
  EXPECT_THAT(open_error(), HasSubstr("version: none"));
  write_file_atomically(folder_ / "manifest.json", "{");
  EXPECT_THAT(open_error(), HasSubstr("not valid JSON"));
  fs::remove(folder_ / "manifest.json");
  EXPECT_THAT(open_error(), HasSubstr("no such file"));
}

TEST_F(PreparedFolderTest, RefusesFilesThatAreNotAsListed) {
  const PreparedFolder folder(folder_, "stream");
  EXPECT_THAT(error_of([&] { (void)folder.read_array<std::int32_t>("values.bin", 3); }),
              HasSubstr("values.bin: 8 bytes; manifest.json counts 3 entries of 4 bytes"));
  write_file_atomically(folder_ / "new.bin", "x");
  EXPECT_THAT(error_of([&] { (void)folder.read("new.bin"); }), HasSubstr("not listed"));
  write("odd.bin", "12345");
  const PreparedFolder again(folder_, "stream");
  EXPECT_THAT(error_of([&] { (void)again.read_array<std::int32_t>("odd.bin"); }),
              AllOf(HasSubstr("5 bytes are no whole number of 4-byte values"),
                    EndsWith("remove its folder to have it prepared again")));
  write_file_atomically(folder_ / "values.bin", "12345678");
  EXPECT_THAT(error_of([&] { (void)folder.read("values.bin"); }),
              HasSubstr("content differs from its hash in manifest.json"));
  fs::remove(folder_ / "values.bin");
  EXPECT_THAT(error_of([&] { (void)folder.read("values.bin"); }), HasSubstr("no such file"));
}

TEST_F(PreparedFolderTest, RefusesCountsAndNotesOfAnotherType) {
  for (const Json& value : {Json(-1), Json(1.5), Json("2"), Json()}) {
    manifest_["tokens"] = value;
    write_manifest();
    EXPECT_THAT(error_of([&] { (void)PreparedFolder(folder_).count("tokens"); }),
                HasSubstr("'tokens' is"))
        << value;
  }
  manifest_["notes"] = {"a sentence of an older version"};
  write_manifest();
  EXPECT_THAT(error_of([&] { (void)PreparedFolder(folder_).notes(); }),
              HasSubstr("manifest.json: "));
}

}  // namespace
}  // namespace assay
