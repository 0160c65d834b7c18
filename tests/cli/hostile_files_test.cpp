// Files and names that strangers made, given to every command that reads them: exit code 2 for what
// is the input's fault, 3 for the machine's, never 70, and a message with the file's name.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPpl = "[[suite]]\nid = \"letters-ppl\"\n";

class HostileFiles : public testing::Test {
 protected:
  void SetUp() override { world_.write("e.toml", experiment_text("", kPpl)); }

  void measure() { ASSERT_EQ(world_.run({"run", "e.toml"}).code, 0); }

  static void expect_refused(const CommandOutput& result, const std::string& phrase, int code = 2) {
    EXPECT_EQ(result.code, code) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr(phrase), Not(HasSubstr("this is a bug"))));
    EXPECT_LT(result.err.size(), 20'000U);
  }

  /// Commands that read the file in place of an experiment, a database or a CSV file.
  [[nodiscard]] static std::vector<std::vector<std::string>> readers_of(const std::string& file) {
    return {{"run", file},
            {"plan", file},
            {"plan", "e.toml", "--db", file},
            {"check", file, "--baseline", "results.db"},
            {"check", "e.toml", "--baseline", file},
            {"breakeven", file, "--over", "dense.x", "--from", "0", "--to", "1"},
            {"import", file, "--db", "new.db"},
            {"report", file},
            {"compare", file, file},
            {"compare", "dense", "dense", "--db", file},
            {"history", "token_ppl", "--db", file},
            {"speedup", "--db", file},
            {"autotune", file, "--over", "dense.x", "--quality", "token_ppl", "--cost", "token_ppl",
             "--budget", "1"},
            {"baseline", "save", "b", "--commit", "c", "--db", file},
            {"baseline", "list", "--baselines", file}};
  }

  CliWorld world_;
};

TEST_F(HostileFiles, AFolderAnEmptyFileAPipeADeviceAndALoop) {
  measure();
  fs::create_directories(world_ / "folder.x");
  world_.write("empty.x", "");
  ASSERT_EQ(::mkfifo((world_ / "pipe.x").c_str(), 0600), 0);
  fs::create_symlink("loop.x", world_ / "loop.x");
  for (const std::string file :
       {"folder.x", "empty.x", "pipe.x", "loop.x", "/dev/zero", "gone.x"}) {
    for (const auto& words : readers_of(file)) {
      const CommandOutput result = world_.run(words);
      const std::string what = testing::PrintToString(words) + " " + result.err;
      EXPECT_THAT(result.code, AnyOf(0, 2, 3)) << what;
      if (result.code != 0) {
        EXPECT_THAT(result.err, HasSubstr(file)) << what;
      }
    }
    fs::remove(world_ / "new.db");
  }
}

TEST_F(HostileFiles, NestingInTheFilesOfAModel) {
  const std::string config = read_text_file(world_ / "model/config.json");
  const std::string deep = "{\"model_type\": " + std::string(100'000, '[');
  world_.write("model/config.json", deep);
  expect_refused(world_.run({"plan", "e.toml"}), "model/config.json:1: arrays and objects of JSON");
  world_.write("model/config.json", config);
  std::string header = "{\"a\": " + std::string(100'000, '[');
  const std::uint64_t length = header.size();
  world_.write("model/model.safetensors",
               std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header);
  expect_refused(world_.run({"plan", "e.toml"}), "model/model.safetensors: malformed header");
  fs::remove(world_ / "model/model.safetensors");
  world_.write("model/model.safetensors.index.json", deep);
  expect_refused(world_.run({"plan", "e.toml"}),
                 "model.safetensors.index.json:1: arrays and objects of JSON");
}

TEST_F(HostileFiles, NumbersThatNoTypeHoldsInTheFilesOfAModel) {
  world_.write("model/config.json", R"({"model_type": "opt", "hidden_size": 1e999})");
  expect_refused(world_.run({"plan", "e.toml"}), "model/config.json:1: not valid JSON");
  Json config = {{"model_type", "opt"}, {"hidden_size", std::uint64_t{18446744073709551615U}}};
  world_.write("model/config.json", config.dump());
  expect_refused(world_.run({"plan", "e.toml"}), "an integer from 1 to 1000000000");
}

TEST_F(HostileFiles, WhatIsThereInPlaceOfTheFilesOfAModel) {
  for (const char* name : {"config.json", "model.safetensors"}) {
    const fs::path file = world_ / (std::string("model/") + name);
    const std::string content = read_text_file(file);
    fs::remove(file);
    fs::create_directories(file);
    expect_refused(world_.run({"plan", "e.toml"}), name);
    fs::remove(file);
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    expect_refused(world_.run({"plan", "e.toml"}), name);
    fs::remove(file);
    world_.write(std::string("model/") + name, "");
    expect_refused(world_.run({"plan", "e.toml"}), name);
    world_.write(std::string("model/") + name, content);
  }
}

TEST_F(HostileFiles, BrokenDocumentsInADatabase) {
  measure();
  const std::string whole = read_text_file(world_ / "results.db");
  for (const std::string& document :
       {std::string("{\"a"), std::string(100'000, '['), std::string("1e999"), std::string("[]")}) {
    world_.write("results.db", whole);
    {
      SQLite::Database database(world_ / "results.db", SQLite::OPEN_READWRITE);
      database.exec("PRAGMA ignore_check_constraints = ON");
      SQLite::Statement damage(database, "UPDATE blob_doc SET body = ?");
      damage.bind(1, document);
      damage.exec();
    }
    for (const auto& words :
         std::vector<std::vector<std::string>>{{"report", "results.db"},
                                               {"compare", "results.db", "results.db"},
                                               {"run", "e.toml"}}) {
      const CommandOutput result = world_.run(words);
      EXPECT_THAT(result.code, AnyOf(0, 1, 2, 3, 4)) << testing::PrintToString(words) << result.err;
      if (result.code == 2) {
        EXPECT_THAT(result.err, HasSubstr("results.db"));
      }
    }
  }
}

TEST_F(HostileFiles, NamesThatAreNotUtf8) {
  const std::string name = "e\xFF.toml";
  world_.write(name, experiment_text("", kPpl));
  for (const auto& words : readers_of(name)) {
    expect_refused(world_.run(words), "argument 'e\xEF\xBF\xBD.toml': is not UTF-8");
  }
  fs::create_directories(world_ / "models/m\xFF");
  world_.write("models/m\xFF/config.json", "{}");
  world_.set("ASSAY_MODELS", (world_ / "models").string());
  EXPECT_EQ(world_.run({"list", "models", "--json"}).code, 0);
  world_.set("ASSAY_MODELS", (world_ / "models/m\xFF").string());
  expect_refused(world_.run({"list", "models"}), "ASSAY_MODELS");
  world_.set("ASSAY_MODELS", (world_ / "models").string());
  expect_refused(world_.shell("cd models/m\xFF && assay run ../../e.toml"), "the current folder");
}

TEST_F(HostileFiles, PathsThatBeginWithTwoSlashes) {
  measure();
  const std::string root = "/" + (world_ / "").string();
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"run", root + "e.toml", "--db", root + "results.db"},
           {"report", root + "results.db"},
           {"compare", root + "results.db", root + "results.db"}}) {
    const CommandOutput result = world_.run(words);
    EXPECT_EQ(result.code, 0) << testing::PrintToString(words) << result.err;
  }
}

TEST_F(HostileFiles, TooFewOpenFilesAreTheMachinesFault) {
  measure();
  for (const char* line : {"assay list suites", "assay plan e.toml", "assay report results.db"}) {
    for (const char* limit : {"3", "4", "5", "6", "8"}) {
      const CommandOutput result = world_.shell(std::string("ulimit -n ") + limit + "; " + line);
      EXPECT_THAT(result.code, AnyOf(0, 3, 127)) << limit << " " << line << ": " << result.err;
      EXPECT_THAT(result.err, Not(HasSubstr("this is a bug"))) << limit << " " << line;
    }
  }
}

TEST_F(HostileFiles, ABillionCellsAreRefusedAtOnce) {
  std::string seeds;
  for (int i = 0; i < 200'000; ++i) seeds += std::to_string(i) + ", ";
  std::string text = experiment_text("", kPpl);
  text.insert(text.find("profiles"), "seeds = [" + seeds.substr(0, 99'000) + "]\n");
  world_.write("e.toml", text + "window = { from = 2, to = 1001, step = 1 }\n");
  expect_refused(world_.run({"plan", "e.toml"}), "cells; allowed: at most 100000");
}

TEST_F(HostileFiles, NumbersOfOptionsHaveRanges) {
  measure();
  for (const auto& [words, phrase] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"run", "--model", "./model", "--suite", "letters-ppl", "--seed", "-1"}, "--seed"},
           {{"run", "--model", "./model", "--suite", "letters-ppl", "--seed",
             "18446744073709551616"},
            "--seed"},
           {{"plan", "--model", "./model", "--suite", "letters-ppl", "--seed",
             "18446744073709551615"},
            "is not an integer of 64 bits"},
           {{"history", "token_ppl", "--db", "results.db", "--threshold", "nan"}, "threshold"},
           {{"history", "token_ppl", "--db", "results.db", "--threshold", "-5"}, "threshold"},
           {{"doctor", "--comparisons", "4294967297"}, "--comparisons"},
           {{"doctor", "--comparisons", "-1"}, "--comparisons"},
           {{"compare", "results.db", "results.db", "--floor", "1e999"}, "--floor"},
           {{"compare", "results.db", "results.db", "--floor", "nan"}, "--floor"}}) {
    expect_refused(world_.run(words), phrase);
  }
}

}  // namespace
}  // namespace assay
