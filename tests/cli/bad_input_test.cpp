// Everything a user can get wrong: the exit code, and a message with place, finding and remedy.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPpl = "[[suite]]\nid = \"letters-ppl\"\n";

class BadInput : public testing::Test {
 protected:
  CommandOutput run(const std::string& experiment) {
    world_.write("e.toml", experiment);
    return world_.run({"run", "e.toml"});
  }
  /// Nothing may be left in the database's place but what was there.
  void expect_refused(const CommandOutput& result, const std::string& phrase) {
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(phrase));
    EXPECT_THAT(result.err, Not(HasSubstr("bug")));
    EXPECT_EQ(result.out, "");
  }

  CliWorld world_;
};

TEST_F(BadInput, MissingExperimentFile) {
  expect_refused(world_.run({"run", "nowhere.toml"}), "nowhere.toml");
}

TEST_F(BadInput, MissingModelFolder) {
  std::string text = experiment_text("", kPpl);
  text.replace(text.find("./model"), 7, "./mdoel");
  const CommandOutput result = run(text);
  expect_refused(result, "./mdoel");
  EXPECT_THAT(result.err, HasSubstr("no such folder"));
}

TEST_F(BadInput, UnsupportedModelTypeNamesTheFamilies) {
  Json config = read_json_file(world_ / "model/config.json");
  config["model_type"] = "mamba";
  world_.write("model/config.json", config.dump());
  const CommandOutput result = run(experiment_text("", kPpl));
  expect_refused(result, "mamba");
  EXPECT_THAT(result.err, AllOf(HasSubstr("llama"), HasSubstr("gpt_neox")));
}

TEST_F(BadInput, ConfigurationThatIsNotWhollyUnderstood) {
  const Json plain = read_json_file(world_ / "model/config.json");
  const std::vector<std::pair<const char*, Json>> cases = {
      {"num_local_experts", 8},
      {"attention_multiplier", 0.5},
      {"quantization_config", {{"quant_method", "gptq"}, {"bits", 4}}},
      {"rope_scaling", {{"type", "longrope"}, {"factor", 4.0}}}};
  for (const auto& [key, value] : cases) {
    Json config = plain;
    config[key] = value;
    world_.write("model/config.json", config.dump());
    expect_refused(run(experiment_text("", kPpl)), std::string("'") + key);
  }
}

TEST_F(BadInput, RemarkOnAConfigurationIsSaidByPlan) {
  Json config = read_json_file(world_ / "model/config.json");
  config["flavour"] = "vanilla";
  world_.write("model/config.json", config.dump());
  world_.write("e.toml", experiment_text("", kPpl));
  const CommandOutput result = world_.run({"plan", "e.toml"});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("'flavour' is \"vanilla\" in config.json"));
}

TEST_F(BadInput, FolderWithoutSafetensors) {
  world_.write("model/model.safetensors",
               "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
  expect_refused(run(experiment_text("", kPpl)), "model.safetensors: this is a Git LFS pointer");
  fs::remove(world_ / "model/model.safetensors");
  world_.write("model/pytorch_model.bin", "weights");
  const CommandOutput result = run(experiment_text("", kPpl));
  expect_refused(result, "PyTorch's format (pytorch_model.bin)");
  EXPECT_THAT(result.err, HasSubstr("save_pretrained("));
}

TEST_F(BadInput, TruncatedSafetensors) {
  const fs::path weights = world_ / "model/model.safetensors";
  fs::resize_file(weights, fs::file_size(weights) / 2);
  expect_refused(run(experiment_text("", kPpl)), "model.safetensors");
}

TEST_F(BadInput, UnknownKeysAllAtOnceWithLineColumnAndSuggestion) {
  const CommandOutput result = run(
      experiment_text("[[method]]\nid = \"pretend\"\nsparsty = 0.5\n[[method]]\nid = \"danse\"\n",
                      std::string(kPpl) + "profiles = [\"cpu\"]\n"));
  expect_refused(result, "e.toml:12:1");
  EXPECT_THAT(result.err, AllOf(HasSubstr("'sparsty'"), HasSubstr("did you mean 'sparsity'"),
                                HasSubstr("did you mean 'dense'"), HasSubstr("e.toml:17:1")));
}

TEST_F(BadInput, SparsityOutsideItsRange) {
  const CommandOutput result =
      run(experiment_text("[[method]]\nid = \"pretend\"\nsparsity = 1.5\n", kPpl));
  expect_refused(result, "e.toml:12:");
  EXPECT_THAT(result.err, AllOf(HasSubstr("1.5"), HasSubstr("[0, 1)")));
}

TEST_F(BadInput, PatternThatDoesNotDivideTheRow) {
  const CommandOutput result =
      run(experiment_text("[[method]]\nid = \"pretend\"\npattern = \"3:7\"\n", kPpl));
  expect_refused(result, "3:7");
  EXPECT_THAT(result.err, HasSubstr("40"));
}

TEST_F(BadInput, MalformedPattern) {
  const CommandOutput result =
      run(experiment_text("[[method]]\nid = \"pretend\"\npattern = \"4:2\"\n", kPpl));
  expect_refused(result, "e.toml:12:");
  EXPECT_THAT(result.err, AllOf(HasSubstr("4:2"), HasSubstr("1 <= N < M")));
}

TEST_F(BadInput, WindowLongerThanThePositions) {
  const CommandOutput result = run(experiment_text("", std::string(kPpl) + "window = 64\n"));
  expect_refused(result, "e.toml:");
  EXPECT_THAT(result.err, AllOf(HasSubstr("64"), HasSubstr("32 positions")));
}

TEST_F(BadInput, ForeignDatabase) {
  SQLite::Database(world_ / "results.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE other (a)");
  const std::string before = read_text_file(world_ / "results.db");
  expect_refused(run(experiment_text("", kPpl)), "results.db");
  EXPECT_EQ(read_text_file(world_ / "results.db"), before);
}

TEST_F(BadInput, NewerDatabase) {
  ASSERT_EQ(run(experiment_text("", kPpl)).code, 0);
  SQLite::Database(world_ / "results.db", SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 999");
  const CommandOutput result = run(experiment_text("", kPpl));
  expect_refused(result, "999");
  EXPECT_THAT(result.err, HasSubstr("newer"));
}

TEST_F(BadInput, MissingDatabaseOfAReport) {
  expect_refused(world_.run({"report", "nowhere.db"}), "nowhere.db");
  EXPECT_FALSE(fs::exists(world_ / "nowhere.db"));
}

TEST_F(BadInput, UnknownReportFormat) {
  ASSERT_EQ(run(experiment_text("", kPpl)).code, 0);
  expect_refused(world_.run({"report", "results.db", "--format", "mdd"}), "did you mean 'md'");
}

TEST_F(BadInput, CacheThatCannotBeWritten) {
  world_.write("file", "");
  world_.set("ASSAY_HOME", (world_ / "file/home").string());
  const CommandOutput result = run(experiment_text("", kPpl));
  EXPECT_EQ(result.code, 3) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("file/home"), HasSubstr("cannot be written")));
}

TEST_F(BadInput, MissingWorkerAndMissingPython) {
  world_.set("ASSAY_PYTHON", "/nowhere/python");
  const CommandOutput python = run(experiment_text("", kPpl));
  EXPECT_EQ(python.code, 3);
  EXPECT_THAT(python.err, AllOf(HasSubstr("/nowhere/python"), HasSubstr("scripts/setup")));
  world_.set("ASSAY_WORKER", "/nowhere/worker");
  const CommandOutput worker = run(experiment_text("", kPpl));
  EXPECT_EQ(worker.code, 3);
  EXPECT_THAT(worker.err, AllOf(HasSubstr("/nowhere/worker"), HasSubstr("ASSAY_WORKER")));
}

TEST_F(BadInput, UnknownCommandsAndOptions) {
  expect_refused(world_.run({"rn"}), "did you mean 'run'");
  expect_refused(world_.run({"list", "method"}), "did you mean 'methods'");
  expect_refused(world_.run({"run", "e.toml", "--retri"}), "--retri");
  EXPECT_EQ(world_.run({}).code, 2);
  EXPECT_EQ(world_.run({"run"}).code, 2);
}

TEST_F(BadInput, UnknownNameToDescribe) {
  expect_refused(world_.run({"describe", "pretnd"}), "did you mean 'pretend'");
}

TEST_F(BadInput, UnknownModelToImport) {
  expect_refused(world_.run({"model", "import", "gpt9"}), "unknown model 'gpt9'");
}

}  // namespace
}  // namespace assay
