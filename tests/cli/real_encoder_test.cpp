// A small BERT classifier from the raw texts to the table: the real worker, the real Python tools.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"
#include "tests/cli/word_tokenizer.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// Letters, and what BERT puts around a text or a pair.
std::string tokenizer() {
  Json document = word_tokenizer(with_letters({"[PAD]", "[UNK]", "[CLS]", "[SEP]"}), "[UNK]");
  const auto token = [](const char* name, int type) {
    return Json{{"SpecialToken", {{"id", name}, {"type_id", type}}}};
  };
  const auto text = [](const char* name, int type) {
    return Json{{"Sequence", {{"id", name}, {"type_id", type}}}};
  };
  const auto named = [](const char* name, int id) {
    return Json{{"id", name}, {"ids", {id}}, {"tokens", {name}}};
  };
  const Json pair = {token("[CLS]", 0), text("A", 0), token("[SEP]", 0), text("B", 1),
                     token("[SEP]", 1)};
  document["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single", {token("[CLS]", 0), text("A", 0), token("[SEP]", 0)}},
      {"pair", pair},
      {"special_tokens", {{"[CLS]", named("[CLS]", 2)}, {"[SEP]", named("[SEP]", 3)}}}};
  return document.dump();
}

constexpr const char* kPairs = R"(name = "pairs"
summary = "pairs of letters"
licence = "none"
source = "made up"
kind = "labelled"
text = ["one", "two"]
separator = "\n"
label = "label"
labels = {yes = 0, no = 1, perhaps = 2}
[splits.dev]
files = ["pairs.tsv"]
)";

std::string suite(const std::string& id, const std::string& kind) {
  return "id = \"" + id + "\"\nkind = \"" + kind +
         "\"\ndataset = \"pairs\"\nsplit = \"dev\"\nsummary = \"pairs\"\n";
}

constexpr const char* kMethods = R"([experiment]
name = "encoder"
[measure]
processes_per_arm = 1
[[model]]
id = "./encoder"
[[method]]
id = "dense"
[[method]]
id = "magnitude"
sparsity = 0.5
)";
constexpr const char* kSuites = R"([[suite]]
id = "pairs"
max_tokens = 16
[[suite]]
id = "pairs-kl"
max_tokens = 16
)";
constexpr const char* kThroughput = R"([[suite]]
id = "classify-throughput"
batch = 2
length = 8
warmup_seconds = 0.0
seconds = 0.0
)";

class RealEncoder : public testing::Test {
 protected:
  void SetUp() override {
    if (test_python().empty()) GTEST_SKIP() << "no Python with the packages of requirements.txt";
    world_.set("ASSAY_PYTHON", test_python());
    world_.set("ASSAY_WORKER", (binary_dir() / "bin/assay-worker").string());
    fs::remove_all(world_ / "share/python");
    fs::create_directory_symlink(source_dir() / "python", world_ / "share/python");
    fs::copy(source_dir() / "tests/data/encoder/bert_classifier", world_ / "encoder");
    world_.write("encoder/tokenizer.json", tokenizer());
    world_.write("share/datasets/pairs.toml", kPairs);
    world_.write("share/datasets/suites/pairs.toml", suite("pairs", "classification"));
    world_.write("share/datasets/suites/pairs-kl.toml", suite("pairs-kl", "classification_kl"));
    for (const char* id : {"classify-throughput", "prefill"}) {
      const std::string file = "datasets/suites/" + std::string(id) + ".toml";
      world_.write("share/" + file, read_text_file(source_dir() / file));
    }
    std::string table = "one\ttwo\tlabel\n";
    for (int i = 0; i < 12; ++i) {
      table += std::string("a b ") + static_cast<char>('c' + i) + "\tx y z " +
               static_cast<char>('d' + i) + "\t" + std::to_string(i % 3) + "\n";
    }
    world_.write("data/pairs.tsv", table);
  }
  [[nodiscard]] std::vector<std::string> column(const std::string& sql) const {
    SQLite::Database opened((world_ / "results.db").string());
    SQLite::Statement rows(opened, sql);
    std::vector<std::string> values;
    while (rows.executeStep()) values.push_back(rows.getColumn(0).getString());
    return values;
  }
  void name_classes(const Json& names) const {
    Json config = read_json_file(world_ / "encoder/config.json");
    config.erase("label2id");
    config["id2label"] = names;
    world_.write("encoder/config.json", config.dump());
  }
  CliWorld world_;
};

TEST_F(RealEncoder, IsClassifiedPrunedAndTimed) {
  world_.write("e.toml", std::string(kMethods) + kSuites + kThroughput);
  const CommandOutput result = world_.run({"run", "e.toml"});
  ASSERT_EQ(result.code, 0) << result.err << result.out;
  EXPECT_THAT(result.err, HasSubstr("6 cells OK, 0 UNMET, 0 failed"));
  EXPECT_THAT(column("SELECT DISTINCT metric FROM results WHERE suite = 'pairs' AND metric IN "
                     "('acc', 'macro_f1', 'matthews', 'f1') ORDER BY metric"),
              ElementsAre("acc", "macro_f1", "matthews"));
  EXPECT_THAT(column("SELECT metric FROM results WHERE suite = 'classify-throughput' AND method = "
                     "'magnitude' AND metric LIKE 'classify/%' AND value > 0 ORDER BY metric"),
              ElementsAre("classify/items_per_s", "classify/latency"));
  EXPECT_THAT(column("SELECT count(*) FROM item_scores WHERE suite = 'pairs' AND tokens = 10 AND "
                     "length(item_hash) = 16 AND extra ->> 'margin' IS NOT NULL"),
              ElementsAre("24"));
  EXPECT_THAT(result.out, AllOf(HasSubstr("macro F1"), HasSubstr("Matthews")));
}

TEST_F(RealEncoder, SuitesOfDecodersAreUnmetBeforeAnythingRuns) {
  world_.write("e.toml",
               std::string(kMethods) + "[[suite]]\nid = \"prefill\"\n" + "prompt_tokens = 8\n");
  const CommandOutput plan = world_.run({"plan", "e.toml"});
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out, AllOf(HasSubstr("2 unmet"),
                              HasSubstr("suite 'prefill': causal must be true (this model: false): "
                                        "an encoder predicts no next token")));
  const CommandOutput described = world_.run({"describe", "prefill"});
  EXPECT_THAT(described.out, HasSubstr("requires: causal == true"));
}

TEST_F(RealEncoder, IsExportedAsItWasTrained) {
  world_.write("e.toml", std::string(kMethods) + R"([[method]]
id = "finetune"
max_steps = 2
training = { dataset = "pairs", split = "dev", max_tokens = 16 }
)" + kThroughput);
  const CommandOutput ran = world_.run({"run", "e.toml"});
  ASSERT_EQ(ran.code, 0) << ran.err;
  const CommandOutput result = world_.run(
      {"model", "export", "./encoder", "--method", "finetune", "--set", "training.dataset=pairs",
       "--set", "training.split=dev", "--set", "training.max_tokens=16", "--set", "max_steps=2",
       "--db", "results.db", "-o", "out"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(read_text_file(world_ / "out/model.safetensors"),
            read_text_file(world_ / "encoder/model.safetensors"));
  EXPECT_THAT(read_text_file(world_ / "out/README.md"),
              AllOf(HasSubstr("max_steps = 2"),
                    HasSubstr("| Training data | pairs (dev), all items of at most 16 tokens |"),
                    HasSubstr("| classify-throughput | classify/items_per_s |")));
  EXPECT_THAT(result.err, Not(HasSubstr("fit finetune"))) << "the run has fitted it";
}

TEST_F(RealEncoder, IsExportedWithTheClassifierThatItGot) {
  fs::copy(source_dir() / "tests/data/encoder/bert_model", world_ / "plain");
  world_.write("plain/tokenizer.json", tokenizer());
  const CommandOutput result =
      world_.run({"model", "export", "./plain", "--method", "finetune", "--set",
                  "training.dataset=pairs", "--set", "training.split=dev", "--set",
                  "training.max_tokens=16", "--set", "max_steps=2", "-o", "out"});
  ASSERT_EQ(result.code, 0) << result.err;
  const Json config = read_json_file(world_ / "out/config.json");
  EXPECT_EQ(config.at("architectures"), Json::array({"BertForSequenceClassification"}));
  EXPECT_EQ(config.at("id2label"), (Json{{"0", "yes"}, {"1", "no"}, {"2", "perhaps"}}));
  EXPECT_EQ(config.at("label2id"), (Json{{"yes", 0}, {"no", 1}, {"perhaps", 2}}));
  const std::string weights = read_text_file(world_ / "out/model.safetensors");
  EXPECT_THAT(weights,
              AllOf(HasSubstr("\"bert.pooler.dense.weight\""), HasSubstr("\"classifier.weight\"")));
  std::string text = std::string(kMethods) + "[[suite]]\nid = \"pairs\"\nmax_tokens = 16\n";
  text.replace(text.find("./encoder"), 9, "./out");
  world_.write("e.toml", text);
  const CommandOutput scored = world_.run({"run", "e.toml"});
  EXPECT_EQ(scored.code, 0) << scored.err;
}

TEST_F(RealEncoder, ClassesInAnotherOrderAreInvalid) {
  name_classes({{"0", "no"}, {"1", "yes"}, {"2", "perhaps"}});
  world_.write("e.toml", std::string(kMethods) + "[[suite]]\nid = \"pairs\"\nmax_tokens = 16\n");
  const CommandOutput result = world_.run({"run", "e.toml"});
  EXPECT_NE(result.code, 0);
  EXPECT_THAT(result.out + result.err, HasSubstr("2 failed"));
  EXPECT_THAT(column("SELECT DISTINCT status || ' ' || reason FROM results"),
              ElementsAre(HasSubstr("INVALID the model's classes are no, yes, perhaps")));
}

}  // namespace
}  // namespace assay
