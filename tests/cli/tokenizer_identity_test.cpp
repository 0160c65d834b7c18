// Whatever can change a token id is in the keys. The tools that tokenise are the real ones.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kTokenizer =
    R"({"version": "1.0", "truncation": null, "padding": null, "normalizer": null, "decoder": null,
        "post_processor": null, "pre_tokenizer": {"type": "Whitespace"},
        "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false,
                          "rstrip": false, "normalized": false, "special": true}],
        "model": {"type": "WordLevel", "vocab": {"<s>": 0, "a": 1, "b": 2}, "unk_token": "<s>"}})";
constexpr const char* kBase = R"({"bos_token": "<s>", "add_bos_token": false})";
constexpr const char* kTuned = R"({"bos_token": "<s>", "add_bos_token": true})";
constexpr const char* kSuite = R"([[suite]]
id = "letters-ppl"
window = 2
)";

class TokenizerIdentity : public testing::Test {
 protected:
  TokenizerIdentity() {
    fs::remove_all(world_ / "share/python");
    fs::copy(source_dir() / "python", world_ / "share/python", fs::copy_options::recursive);
    world_.set("ASSAY_PYTHON", test_python());
    world_.write("e.toml", experiment_text("", kSuite));
    world_.write("model/tokenizer.json", kTokenizer);
  }
  CommandOutput run_with(const std::string& config) {
    world_.write("model/tokenizer_config.json", config);
    return world_.run({"run", "e.toml"});
  }
  /// Token counts of all prepared data. The text is "a b a b".
  [[nodiscard]] std::multiset<std::size_t> prepared() const {
    std::multiset<std::size_t> counts;
    for (const auto& entry : fs::directory_iterator(world_ / "home/prepared")) {
      if (entry.is_directory()) counts.insert(fs::file_size(entry.path() / "tokens.bin") / 4);
    }
    return counts;
  }
  CliWorld world_;
};

TEST_F(TokenizerIdentity, AnEditedConfigurationIsAnotherQuestion) {
  const CommandOutput base = run_with(kBase);
  EXPECT_EQ(base.code, 0) << base.err;
  EXPECT_EQ(prepared(), (std::multiset<std::size_t>{4}));
  const CommandOutput tuned = run_with(kTuned);
  EXPECT_EQ(tuned.code, 0) << tuned.err;
  EXPECT_THAT(tuned.err,
              AllOf(HasSubstr("preparing letters"), HasSubstr("0 of them stored before")));
  EXPECT_EQ(prepared(), (std::multiset<std::size_t>{4, 5}));
  EXPECT_THAT(run_with(kBase).err, HasSubstr("1 of them stored before"));
}

TEST_F(TokenizerIdentity, WhatIsPreparedFirstDoesNotMatter) {
  EXPECT_EQ(run_with(kTuned).code, 0);
  EXPECT_EQ(prepared(), (std::multiset<std::size_t>{5}));
  EXPECT_EQ(run_with(kBase).code, 0);
  EXPECT_EQ(prepared(), (std::multiset<std::size_t>{4, 5}));
}

TEST_F(TokenizerIdentity, EqualSizeAndTimeOfAFileDeceiveNobody) {
  EXPECT_EQ(run_with(R"({"bos_token": "<s>", "add_bos_token": null})").code, 0);
  const fs::path config = world_ / "model/tokenizer_config.json";
  const auto time = fs::last_write_time(config);
  world_.write("model/tokenizer_config.json", R"({"bos_token": "<s>", "add_bos_token": true})");
  fs::last_write_time(config, time);
  EXPECT_EQ(world_.run({"run", "e.toml"}).code, 0);
  EXPECT_EQ(prepared(), (std::multiset<std::size_t>{4, 5}));
}

TEST_F(TokenizerIdentity, OtherFormsOfVocabulariesAreNamedWithTheRemedy) {
  fs::remove(world_ / "model/tokenizer.json");
  world_.write("model/tokenizer.model", "");
  const CommandOutput run = world_.run({"run", "e.toml"});
  EXPECT_THAT(run.err,
              AllOf(HasSubstr("UNMET"), HasSubstr("tokenizer.model, but no tokenizer.json"),
                    HasSubstr("save_pretrained")));
}

}  // namespace
}  // namespace assay
