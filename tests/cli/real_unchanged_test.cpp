// A gate on an unchanged model has nothing to say: every suite kind and every metric, with the real
// worker and the real preparation, through the programs that are shipped.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"
#include "tests/cli/word_tokenizer.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWords = "abcdefghijklmnopqrstuvwxyz";

std::string tokenizer() {
  std::vector<std::string> words = with_letters({"<unk>"});
  words.insert(words.end(), {"Question", "Answer", ":", "."});
  return word_tokenizer(words, "<unk>").dump();
}

std::string letter(int i) { return std::string(1, kWords[static_cast<std::size_t>(i) % 26]); }

/// Lines of single letters that do not repeat soon.
std::string text() {
  std::string lines;
  for (int i = 0; i < 40; ++i) {
    for (int j = 0; j < 9; ++j) lines += (j == 0 ? "" : " ") + letter(i * i + j * (i + 3));
    lines += "\n";
  }
  return lines;
}

std::string choices() {
  std::string lines;
  for (int i = 0; i < 30; ++i) {
    const Json row = {{"query", "Question: " + letter(i) + " " + letter(i * 7 + 1)},
                      {"choices", {letter(i + 1), letter(3 * i + 2) + " " + letter(i)}},
                      {"gold", i % 2}};
    lines += row.dump() + "\n";
  }
  return lines;
}

std::string last_words() {
  std::string lines;
  for (int i = 0; i < 25; ++i) {
    const Json row = {{"context", letter(i) + " " + letter(5 * i + 1) + " " + letter(2 * i)},
                      {"continuation", letter(i + 4)}};
    lines += row.dump() + "\n";
  }
  return lines;
}

std::string subject(int first) {
  std::string rows = "question,choice0,choice1,choice2,choice3,answer\n";
  for (int i = first; i < first + 6; ++i) {
    rows += letter(i) + "," + letter(i + 1) + "," + letter(i + 2) + "," + letter(i + 3) + "," +
            letter(i + 4) + "," + std::to_string(i % 4) + "\n";
  }
  return rows;
}

std::string dataset(const std::string& name, const std::string& kind, const std::string& files) {
  return "name = \"" + name +
         "\"\nsummary = \"letters\"\nlicence = \"none\"\nsource = \"made up\"\n" + "kind = \"" +
         kind + "\"\n" + (kind == "text" ? "join = \"lines\"\nsampling = \"stream\"\n" : "") +
         "[splits.all]\nfiles = [" + files + "]\n";
}

std::string suite(const std::string& id, const std::string& kind, const std::string& data,
                  const std::string& task) {
  return "id = \"" + id + "\"\nkind = \"" + kind + "\"\ndataset = \"" + data +
         "\"\nsplit = \"all\"\nsummary = \"letters\"\n" +
         (task.empty() ? "" : "task = \"" + task + "\"\n");
}

/// Every kind of suite; two of multiple choice, since acc_norm and groups exclude each other.
constexpr const char* kExperiment = R"([experiment]
name = "all"
profiles = ["cpu"]
[measure]
processes_per_arm = 2
[[model]]
id = "./model"
[[method]]
id = "dense"
[[method]]
id = "magnitude"
sparsity = 0.5
[[suite]]
id = "words-ppl"
window = 16
[[suite]]
id = "words-kl"
window = 16
[[suite]]
id = "choices"
[[suite]]
id = "subjects"
[[suite]]
id = "last-words"
[[suite]]
id = "one-word"
limit = 1
[[suite]]
id = "decode"
prompt_tokens = 4
new_tokens = 4
measured_calls = 1
warmup_seconds = 0.0
[[suite]]
id = "prefill"
prompt_tokens = 8
measured_calls = 3
warmup_seconds = 0.0
seconds = 0.0
[[suite]]
id = "ffn-decode"
measured_calls = 3
warmup_seconds = 0.0
seconds = 0.0
[[suite]]
id = "kernel"
measured_calls = 3
warmup_seconds = 0.0
seconds = 0.0
)";

/// A folder in which the experiment has been run once, for all tests.
class MeasuredWorld : public CliWorld {
 public:
  MeasuredWorld() {
    for (const char* part : {"python", "hardware_profiles", "models", "datasets"}) {
      fs::copy(source_dir() / part, *this / "share" / part,
               fs::copy_options::recursive | fs::copy_options::overwrite_existing);
    }
    write("model/tokenizer.json", tokenizer());
    write("data/words.txt", text());
    write("data/choices.jsonl", choices());
    write("data/last_words.jsonl", last_words());
    write("data/abstract_algebra_dev.csv", subject(0));
    write("data/abstract_algebra_test.csv", subject(7));
    add_dataset("words", "text", "\"words.txt\"");
    add_dataset("choices", "items", "\"choices.jsonl\"");
    add_dataset("last-words", "items", "\"last_words.jsonl\"");
    add_dataset("subjects", "items", "\"abstract_algebra_dev.csv\", \"abstract_algebra_test.csv\"");
    add_suite("words-ppl", "token_ppl", "words", "");
    add_suite("words-kl", "kl", "words", "");
    add_suite("choices", "multiple_choice", "choices", "piqa");
    add_suite("subjects", "multiple_choice", "subjects", "mmlu");
    add_suite("last-words", "last_word", "last-words", "lambada_openai");
    add_suite("one-word", "last_word", "last-words", "lambada_openai");
    set("ASSAY_WORKER", (binary_dir() / "bin/assay-worker").string());
    set("ASSAY_PYTHON", test_python());
    write("e.toml", kExperiment);
    measure("first.db");
  }
  void measure(const std::string& database) const {
    const CommandOutput output = run({"run", "e.toml", "--db", database});
    EXPECT_EQ(output.code, 0) << output.err;
  }

 private:
  void add_dataset(const std::string& name, const std::string& kind,
                   const std::string& files) const {
    write("share/datasets/" + name + ".toml", dataset(name, kind, files));
  }
  void add_suite(const std::string& id, const std::string& kind, const std::string& data,
                 const std::string& task) const {
    write("share/datasets/suites/" + id + ".toml", suite(id, kind, data, task));
  }
};

class Unchanged : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!test_python().empty()) world_ = std::make_unique<MeasuredWorld>();
  }
  static void TearDownTestSuite() { world_.reset(); }
  void SetUp() override {
    if (!world_) GTEST_SKIP() << "no Python with the tools' packages";
  }

  /// Exit code 0, and every row "same".
  void expect_same(std::vector<std::string> words, std::size_t least_rows) const {
    words.emplace_back("--json");
    const CommandOutput output = world_->run(words);
    SCOPED_TRACE(words[0] + " " + words[1]);
    ASSERT_FALSE(output.out.empty()) << output.err;
    EXPECT_EQ(output.code, 0) << output.err;
    const Json document = Json::parse(output.out);
    std::size_t counted = 0;
    for (const Json& row : document.at("rows")) {
      if (!row.at("counts").get<bool>()) continue;
      ++counted;
      EXPECT_EQ(row.at("verdict"), "same") << row.dump(1);
    }
    EXPECT_GE(counted, least_rows);
  }

  static std::unique_ptr<MeasuredWorld> world_;
};
std::unique_ptr<MeasuredWorld> Unchanged::world_;

TEST_F(Unchanged, TheExperimentHoldsEverySuiteKind) {
  const CommandOutput listed = world_->run({"list", "suites", "--json"});
  ASSERT_EQ(listed.code, 0) << listed.err;
  std::map<std::string, std::string> kind_of;
  std::set<std::string> all, measured;
  for (const Json& one : Json::parse(listed.out)) {
    // Those of encoders do not apply to this decoder.
    if (one.at("kind").get<std::string>().starts_with("classif")) continue;
    kind_of[one.at("name")] = one.at("kind");
    all.insert(one.at("kind").get<std::string>());
  }
  const CommandOutput report = world_->run({"report", "first.db", "--format", "json"});
  ASSERT_EQ(report.code, 0) << report.err;
  for (const auto& [id, kind] : kind_of) {
    if (report.out.find('"' + id + '"') != std::string::npos) measured.insert(kind);
  }
  EXPECT_EQ(measured, all);
}

TEST_F(Unchanged, ADatabaseIsTheSameAsItself) {
  // Two methods in ten suites, at least one metric each; all metrics are far more.
  expect_same({"compare", "first.db", "first.db"}, 40);
  expect_same({"compare", "first.db", "first.db", "--metrics", "*"}, 100);
  expect_same({"check", "e.toml", "--baseline", "first.db", "--db", "first.db"}, 40);
  expect_same({"check", "e.toml", "--baseline", "first.db", "--db", "first.db", "--no-run",
               "--metrics", "*"},
              100);
}

TEST_F(Unchanged, ABaselineIsTheSameAsWhatItWasSavedFrom) {
  const CommandOutput saved =
      world_->run({"baseline", "save", "main", "--commit", "c1", "--db", "first.db"});
  ASSERT_EQ(saved.code, 0) << saved.err;
  expect_same({"check", "e.toml", "--baseline", "baselines.db", "--name", "main", "--db",
               "first.db", "--metrics", "*"},
              100);
  expect_same({"compare", "baselines.db", "first.db"}, 40);
}

TEST_F(Unchanged, ASecondRunScoresTheSame) {
  world_->measure("second.db");
  // Scores, their accounting, and the accounting of what is timed; no test asserts a time.
  std::vector<std::string> words = {"compare", "first.db", "second.db"};
  for (const char* metric : {"acc*", "*perplexity", "token_ppl", "kl", "top1_agreement",
                             "ppl_ratio", "model/*", "step/*", "artefact/*"}) {
    words.insert(words.end(), {"--metrics", metric});
  }
  expect_same(words, 80);
}

}  // namespace
}  // namespace assay
