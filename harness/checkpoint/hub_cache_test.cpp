// Models in a cache laid out as huggingface_hub lays it out.

#include "harness/checkpoint/hub_cache.h"

#include <gmock/gmock.h>

#include "harness/checkpoint/test_files.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kOld(40, 'a');
const std::string kNew(40, 'b');

class HubCache : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("HF_HUB_CACHE", cache_.path().c_str(), 1);
    for (const char* file : {"config.json", "model.safetensors"}) put(kOld, file, file);
    write("refs/main", kOld);
  }
  void TearDown() override { ::unsetenv("HF_HUB_CACHE"); }

  [[nodiscard]] fs::path repository() const { return cache_.path() / "models--tiny--opt"; }
  [[nodiscard]] fs::path snapshot(const std::string& commit) const {
    return repository() / "snapshots" / commit;
  }
  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((repository() / name).parent_path());
    write_bytes(repository() / name, content);
  }
  /// A blob, and the link to it by which the commit names it.
  void put(const std::string& commit, const std::string& file, const std::string& blob) const {
    const fs::path golden = golden_model("opt") / file;
    write("blobs/" + blob, fs::exists(golden) ? read_text_file(golden) : "{}");
    fs::create_directories(snapshot(commit));
    fs::create_symlink("../../blobs/" + blob, snapshot(commit) / file);
  }
  [[nodiscard]] static HubSnapshot find(const std::string& id, bool weights = true) {
    return find_in_hub_cache(parse_hub_name(id), weights);
  }

  TemporaryFolder cache_;
};

TEST(HubName, HasARepositoryAndPerhapsARevision) {
  EXPECT_TRUE(is_hub_id("hf:a/b"));
  EXPECT_FALSE(is_hub_id("a/b"));
  EXPECT_EQ(parse_hub_name("hf:facebook/opt-125m").repository, "facebook/opt-125m");
  EXPECT_EQ(parse_hub_name("facebook/opt-125m").revision, "");
  EXPECT_EQ(parse_hub_name("hf:gpt2@refs/pr/1").text(), "gpt2@refs/pr/1");
  for (const char* wrong : {"", "hf:", "a/b/c", "../b", "a/..", "a--b/c", "-a/b", "a/b.git",
                            "a b/c", "/b", "a/", "a/b-", "./model"}) {
    EXPECT_THAT(user_error_of([&] { (void)parse_hub_name(wrong); }),
                HasSubstr("names no model of the Hugging Face Hub; give ORG/NAME"))
        << wrong;
  }
  for (const char* wrong : {"a/b@", "a/b@../x", "a/b@x y", "a/b@/main"}) {
    EXPECT_THAT(user_error_of([&] { (void)parse_hub_name(wrong); }), HasSubstr("is no revision"))
        << wrong;
  }
}

TEST_F(HubCache, ARevisionLeadsToItsCommit) {
  put(kNew, "config.json", "config.json");
  write("refs/refs/pr/1", kNew + "\n");
  EXPECT_EQ(find("hf:tiny/opt").folder, snapshot(kOld));
  EXPECT_EQ(find("hf:tiny/opt@main").commit, kOld);
  EXPECT_EQ(find("hf:tiny/opt@" + kOld).folder, snapshot(kOld));
  EXPECT_TRUE(find("hf:tiny/opt").whole());
  const HubSnapshot part = find("hf:tiny/opt@refs/pr/1");
  EXPECT_EQ(part.commit, kNew);
  EXPECT_EQ(part.lacking, "model.safetensors");
  EXPECT_TRUE(find("hf:tiny/opt@refs/pr/1", false).whole());
  for (const char* absent : {"hf:tiny/opt@v2", "hf:tiny/other", "hf:opt"}) {
    EXPECT_TRUE(find(absent).folder.empty()) << absent;
  }
  EXPECT_TRUE(find("hf:tiny/opt@" + std::string(40, 'c')).folder.empty());
}

TEST_F(HubCache, ShardsAreAllOrNothing) {
  fs::remove(snapshot(kOld) / "model.safetensors");
  const Json map = {{"w", "model-00001-of-00002.safetensors"},
                    {"v", "model-00002-of-00002.safetensors"}};
  put(kOld, "model.safetensors.index.json", "index");
  EXPECT_EQ(find("hf:tiny/opt").lacking, "model.safetensors");
  write("blobs/index", Json{{"weight_map", map}}.dump());
  put(kOld, "model-00001-of-00002.safetensors", "one");
  EXPECT_EQ(find("hf:tiny/opt").lacking, "model-00002-of-00002.safetensors");
  put(kOld, "model-00002-of-00002.safetensors", "two");
  EXPECT_TRUE(find("hf:tiny/opt").whole());
  fs::remove(repository() / "blobs" / "one");  // the link leads nowhere
  EXPECT_EQ(find("hf:tiny/opt").lacking, "model-00001-of-00002.safetensors");
}

TEST_F(HubCache, TheListOfACommitsFilesSaysWhatIsLacking) {
  EXPECT_TRUE(find("hf:tiny/opt").unlisted);
  const Json files = {{"config.json", Json::object()},
                      {"tokenizer.json", Json::object()},
                      {"pytorch_model.bin", Json::object()}};
  write("trees/" + kOld + ".json", Json{{"format_version", 1}, {"files", files}}.dump());
  EXPECT_FALSE(find("hf:tiny/opt").unlisted);
  EXPECT_EQ(find("hf:tiny/opt").lacking, "tokenizer.json");
  put(kOld, "tokenizer.json", "tokenizer");
  EXPECT_TRUE(find("hf:tiny/opt").whole());
  for (const char* damaged : {"", "{", "[]", R"({"format_version": 2, "files": {}})"}) {
    write("trees/" + kOld + ".json", damaged);
    EXPECT_TRUE(find("hf:tiny/opt").unlisted) << damaged;
  }
}

TEST_F(HubCache, ModelsOfKnownFamiliesAreListed) {
  for (const char* file : {"config.json", "model.safetensors"}) put(kNew, file, file);
  write("refs/v2", kNew);
  const fs::path other = cache_.path() / "models--tiny--diffusion" / "snapshots" / kOld;
  fs::create_directories(other);
  write_bytes(other / "config.json", R"({"model_type": "unet"})");
  write_bytes(other / "model.safetensors", "x");
  fs::create_directories(cache_.path() / "datasets--tiny--opt" / "snapshots" / kOld);
  std::vector<HubCacheModel> models = hub_cache_models();
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].id, "hf:tiny/opt");
  EXPECT_EQ(models[0].commit, kOld);
  EXPECT_EQ(models[1].id, "hf:tiny/opt@v2");
  EXPECT_EQ(models[1].folder, snapshot(kNew));
  EXPECT_EQ(models[0].bytes,
            static_cast<std::int64_t>(fs::file_size(golden_model("opt") / "config.json") +
                                      fs::file_size(golden_model("opt") / "model.safetensors")));
  fs::remove_all(repository() / "refs");
  models = hub_cache_models();
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].id, "hf:tiny/opt@" + kOld);
}

TEST_F(HubCache, WhatCannotBeReadIsNotThere) {
  const fs::path refs = repository() / "refs";
  fs::create_directories(refs / "folder");
  fs::create_symlink("loop", refs / "loop");
  fs::create_symlink("nowhere", refs / "dangling");
  write("refs/bytes", std::string(100, '\xff'));
  fs::create_symlink("models--a--loop", cache_.path() / "models--a--loop");
  write_bytes(cache_.path() / "models--a--file", "no folder");
  fs::create_directories(cache_.path() / "models--a--files");
  write_bytes(cache_.path() / "models--a--files" / "snapshots", "no folder");
  write_bytes(cache_.path() / "models--a--files" / "refs", "no folder");
  const std::vector<HubCacheModel> models = hub_cache_models();
  ASSERT_EQ(models.size(), 1U);
  EXPECT_EQ(models[0].id, "hf:tiny/opt");
  for (const char* ref : {"folder", "loop", "dangling", "bytes"}) {
    EXPECT_TRUE(find(std::string("hf:tiny/opt@") + ref).folder.empty()) << ref;
  }
  EXPECT_TRUE(find("hf:a/loop").folder.empty());
  EXPECT_TRUE(find("hf:a/files").folder.empty());
}

TEST_F(HubCache, AnOverlongRevisionIsNone) {
  const std::string longest(255, 'a');
  EXPECT_TRUE(find("hf:tiny/opt@" + longest).folder.empty());
  EXPECT_THAT(user_error_of([&] { (void)parse_hub_name("a/b@" + std::string(1'000'000, 'a')); }),
              HasSubstr("is no revision"));
}

TEST(HubCacheFolder, IsWhereTheLibraryHasIt) {
  const std::vector<std::pair<const char*, const char*>> ways = {
      {"HF_HUB_CACHE", "/x"},
      {"HUGGINGFACE_HUB_CACHE", "/x"},
      {"HF_HOME", "/x/hub"},
      {"XDG_CACHE_HOME", "/x/huggingface/hub"},
      {"HOME", "/x/.cache/huggingface/hub"}};
  for (const auto& [name, folder] : ways) ::unsetenv(name);
  for (auto way = ways.rbegin(); way != ways.rend(); ++way) {
    ::setenv(way->first, "/x", 1);
    EXPECT_EQ(hub_cache(), way->second) << way->first;
  }
  for (const auto& [name, folder] : ways) ::unsetenv(name);
  ::setenv("HOME", "/me", 1);
  ::setenv("HF_HOME", "~/models", 1);
  EXPECT_EQ(hub_cache(), "/me/models/hub");
  ::unsetenv("HF_HOME");
}

}  // namespace
}  // namespace assay
