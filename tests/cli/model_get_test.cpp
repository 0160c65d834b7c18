// Models of the Hugging Face Hub: got from a local server, found in the cache, refused where they
// are missing; and GGUF files of the user's.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSuite = "[[suite]]\nid = \"decode\"\n";

/// Three megabytes more of weights, in a tensor that nobody reads.
void make_larger(const fs::path& weights) {
  constexpr std::size_t kValues = 750'000;
  const std::string content = read_text_file(weights);
  std::uint64_t length = 0;
  std::memcpy(&length, content.data(), sizeof(length));
  const std::string data = content.substr(sizeof(length) + length);
  Json header = Json::parse(content.substr(sizeof(length), length));
  header["unread"] = {{"dtype", "F32"},
                      {"shape", {kValues}},
                      {"data_offsets", {data.size(), data.size() + 4 * kValues}}};
  const std::string text = header.dump();
  length = text.size();
  std::string larger(sizeof(length), '\0');
  std::memcpy(larger.data(), &length, sizeof(length));
  write_file_atomically(weights, larger + text + data + std::string(4 * kValues, '\0'));
}

class ModelGet : public testing::Test {
 protected:
  void SetUp() override {
    if (test_python().empty()) GTEST_SKIP() << "no Python with the packages of requirements.txt";
    world_.set("ASSAY_PYTHON", test_python());
    world_.set("HOME", (world_ / "user").string());
    world_.set("HF_ENDPOINT", "http://127.0.0.1:1");
    fs::remove_all(world_ / "share/python");
    fs::create_directory_symlink(source_dir() / "python", world_ / "share/python");
    fs::create_directories(world_ / "served/tiny");
    fs::copy(world_ / "model", world_ / "served/tiny/opt");
    world_.write("served/tiny/opt/pytorch_model.bin", "a pickle");
  }
  /// A line of the shell while the server runs, with its options; HF_ENDPOINT is its address.
  [[nodiscard]] CommandOutput with_server(const std::string& options,
                                          const std::string& line) const {
    const std::string server = (source_dir() / "python/tests/tiny_hub.py").string();
    fs::remove(world_ / "port");
    return world_.shell(test_python() + " -B '" + server + "' served port " + options +
                        " & server=$!\n"
                        "while ! [ -s port ]; do sleep 0.05; done\n"
                        "export HF_ENDPOINT=$(cat port)\n" +
                        line + "\ncode=$?; kill $server; exit $code\n");
  }
  void write_experiment(const std::string& model) const {
    std::string text = experiment_text("", kSuite);
    text.replace(text.find("./model"), 7, model);
    world_.write("e.toml", text);
  }
  [[nodiscard]] fs::path repository() const { return world_ / "hf/hub/models--tiny--opt"; }

  CliWorld world_;
};

TEST_F(ModelGet, WhatIsGotIsFoundByItsNameWithoutANetwork) {
  const CommandOutput get = with_server("", "assay model get tiny/opt");
  ASSERT_EQ(get.code, 0) << get.err;
  const fs::path folder = get.out.substr(0, get.out.find('\n'));
  EXPECT_EQ(folder.parent_path(), repository() / "snapshots");
  EXPECT_EQ(read_text_file(folder / "model.safetensors"),
            read_text_file(world_ / "model/model.safetensors"));
  EXPECT_FALSE(fs::exists(folder / "pytorch_model.bin"));
  EXPECT_THAT(get.err, AllOf(HasSubstr("asking for tiny/opt"), HasSubstr("are to come")));
  write_experiment("hf:tiny/opt");
  const CommandOutput plan = world_.run({"plan", "e.toml"});
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.err, HasSubstr("model 'hf:tiny/opt': commit " + folder.filename().string()));
  EXPECT_THAT(world_.run({"list", "models"}).out, HasSubstr("hf:tiny/opt"));
  EXPECT_EQ(world_.run({"completion", "words", "--", "run", "--model", "hf:t"}).out,
            "hf:tiny/opt\n");
  EXPECT_EQ(world_.run({"completion", "words", "--", "model", "get", "h"}).out, "hf:tiny/opt\n");
  EXPECT_EQ(world_.run({"plan", "--model", "hf:tiny/opt", "--suite", "decode"}).code, 0);
}

TEST_F(ModelGet, TheKeyIsOfTheContentAndNotOfTheName) {
  ASSERT_EQ(with_server("", "assay model get tiny/opt").code, 0);
  const auto key = [&](const std::string& model) {
    write_experiment(model);
    const CommandOutput plan = world_.run({"plan", "e.toml", "--json"});
    EXPECT_EQ(plan.code, 0) << plan.err;
    return Json::parse(plan.out).at("cells").at(0).at("key").get<std::string>();
  };
  EXPECT_EQ(key("hf:tiny/opt"), key("./model"));
}

TEST_F(ModelGet, AnInterruptedDownloadGoesOn) {
  make_larger(world_ / "served/tiny/opt/model.safetensors");
  const auto size = fs::file_size(world_ / "served/tiny/opt/model.safetensors");
  const CommandOutput broken = with_server(
      "--pause 0.05",
      "assay model get tiny/opt & get=$!\n"
      "until [ -n \"$(find hf -name '*.incomplete' -size +1000k)\" ]; do sleep 0.05; done\n"
      "kill -INT $get; wait $get");
  EXPECT_EQ(broken.code, 130) << broken.err;
  EXPECT_FALSE(fs::exists(repository() / "refs/main"));
  write_experiment("hf:tiny/opt");
  EXPECT_EQ(world_.run({"plan", "e.toml"}).code, 3);
  const CommandOutput get = with_server("", "assay model get tiny/opt --json");
  ASSERT_EQ(get.code, 0) << get.err;
  const Json got = Json::parse(get.out).at(0);
  EXPECT_LE(got.at("downloaded").get<std::uint64_t>(), size - 1'000'000);
  EXPECT_EQ(read_text_file(fs::path(got.at("folder").get<std::string>()) / "model.safetensors"),
            read_text_file(world_ / "served/tiny/opt/model.safetensors"));
  EXPECT_EQ(world_.run({"plan", "e.toml"}).code, 0);
}

TEST_F(ModelGet, WhatIsMissingIsSaidWithItsSizeAndTheCommand) {
  write_experiment("hf:tiny/opt");
  const CommandOutput plan = with_server("", "assay plan e.toml");
  EXPECT_EQ(plan.code, 3) << plan.err;
  EXPECT_THAT(plan.out, AllOf(HasSubstr("hf:tiny/opt"), HasSubstr("kB  assay model get tiny/opt"),
                              HasSubstr("1 model, "), HasSubstr(" are free in ")));
  const CommandOutput json = with_server("", "assay plan e.toml --json");
  const Json needed = Json::parse(json.out).at("needed_models").at(0);
  EXPECT_EQ(needed.at("command"), "assay model get tiny/opt");
  EXPECT_GT(needed.at("bytes"), 1000);
  const CommandOutput run = with_server("", "assay run e.toml --db r.db");
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.err, AllOf(HasSubstr("model 'hf:tiny/opt' is not here ("),
                             HasSubstr("get it with: assay model get tiny/opt")));
  EXPECT_FALSE(fs::exists(world_ / "hf")) << "nothing is downloaded unasked";
  EXPECT_FALSE(fs::exists(world_ / "r.db"));
}

TEST_F(ModelGet, ADeclaredSizeStandsInWhereTheHubCannotBeAsked) {
  world_.write("share/models/paper-7b.toml",
               "name = \"paper-7b\"\nsummary = \"s\"\nlicence = \"l\"\nimporter = \"hub\"\n"
               "[source]\nrepository = \"tiny/opt\"\nsize = \"13.5 GB\"\n");
  write_experiment("paper-7b");
  const CommandOutput plan = world_.run({"plan", "e.toml"});
  EXPECT_EQ(plan.code, 3);
  EXPECT_THAT(plan.out, AllOf(HasSubstr("some 13.5 GB"), HasSubstr("assay model get tiny/opt"),
                              HasSubstr("http://127.0.0.1:1 cannot be reached")));
  EXPECT_THAT(world_.run({"model", "list"}).out, HasSubstr("assay model get tiny/opt (13.5 GB)"));
  write_experiment("paper-7b\"\n[[model]]\nid = \"hf:tiny/opt");
  EXPECT_THAT(world_.run({"plan", "e.toml"}).out, HasSubstr("1 model, ")) << "one download";
  write_experiment("paper-7b");
  EXPECT_EQ(world_.run({"model", "import", "paper-7b"}).code, 2);
  ASSERT_EQ(with_server("", "assay model get paper-7b").code, 0);
  EXPECT_EQ(world_.run({"plan", "e.toml"}).code, 0);
}

TEST_F(ModelGet, TheShapeAloneIsEnoughForRandomWeights) {
  const CommandOutput plan =
      world_.run({"plan", "--model", "hf:tiny/opt:weights=random", "--suite", "decode"});
  EXPECT_EQ(plan.code, 3);
  EXPECT_THAT(plan.out, HasSubstr("some MB  assay model get --shape tiny/opt"));
  ASSERT_EQ(with_server("", "assay model get --shape tiny/opt").code, 0);
  EXPECT_EQ(world_.run({"plan", "--model", "hf:tiny/opt:weights=random", "--suite", "decode"}).code,
            0);
  write_experiment("hf:tiny/opt");
  EXPECT_THAT(world_.run({"plan", "e.toml"}).out, HasSubstr("assay model get tiny/opt"));
}

TEST_F(ModelGet, WhatAssayDoesNotReadIsRefusedBeforeItsWeightsCome) {
  world_.write("served/tiny/opt/config.json", R"({"model_type": "mamba"})");
  const CommandOutput get = with_server("", "assay model get tiny/opt");
  EXPECT_EQ(get.code, 2);
  EXPECT_THAT(get.err, AllOf(HasSubstr("tiny/opt: "), HasSubstr("mamba"),
                             HasSubstr("its weights were not downloaded")));
  EXPECT_FALSE(fs::exists(repository() / "refs"));
}

TEST_F(ModelGet, RefusalsHaveTheirExitCodes) {
  const CommandOutput gated = with_server("--status 403", "assay model get tiny/opt");
  EXPECT_EQ(gated.code, 3);
  EXPECT_THAT(gated.err, HasSubstr("accept its licence, at http://127.0.0.1"));
  EXPECT_EQ(with_server("", "assay model get tiny/nothing").code, 3);
  EXPECT_EQ(world_.run({"model", "get", "tiny/opt"}).code, 3) << "no network";
  const CommandOutput name = world_.run({"model", "get", "a/b/c"});
  EXPECT_EQ(name.code, 2);
  EXPECT_THAT(name.err, HasSubstr("'a/b/c' names no model of the Hugging Face Hub"));
  fs::remove(world_ / "served/tiny/opt/model.safetensors");
  const CommandOutput pickles = with_server("", "assay model get tiny/opt");
  EXPECT_EQ(pickles.code, 2);
  EXPECT_THAT(pickles.err, HasSubstr("PyTorch's pickles alone (pytorch_model.bin"));
}

TEST_F(ModelGet, APathThatIsNoFolderMayBeMeantForTheHub) {
  write_experiment("tiny/opt");
  const CommandOutput plan = world_.run({"plan", "e.toml"});
  EXPECT_EQ(plan.code, 2);
  EXPECT_THAT(plan.err, HasSubstr("or hf:tiny/opt for a model of the Hugging Face Hub"));
  write_experiment("./mdoel");
  EXPECT_THAT(world_.run({"plan", "e.toml"}).err, Not(HasSubstr("hf:")));
}

TEST_F(ModelGet, AGgufFileOfTheUsersIsImportedUnderItsName) {
  const std::string write = "PYTHONPATH='" + (source_dir() / "python/tests").string() + "' " +
                            test_python() +
                            " -B -c 'from pathlib import Path; import tiny_gguf; "
                            "tiny_gguf.write_gguf(Path(\"tiny.Q4.gguf\"))'";
  ASSERT_EQ(world_.shell(write).code, 0);
  const CommandOutput import = world_.run({"model", "import", "tiny.Q4.gguf", "--name", "tiny"});
  ASSERT_EQ(import.code, 0) << import.err;
  EXPECT_EQ(import.out, (world_ / "home/models/tiny").string() + "\n");
  write_experiment("tiny");
  EXPECT_EQ(world_.run({"plan", "e.toml"}).code, 0);
  const CommandOutput twice = world_.run({"model", "import", "tiny.Q4.gguf", "--name", "tiny"});
  EXPECT_EQ(twice.code, 2);
  EXPECT_THAT(twice.err, HasSubstr("is there already"));
  EXPECT_EQ(world_.run({"model", "import", "tiny.Q4.gguf"}).out,
            (world_ / "home/models/tiny.Q4").string() + "\n");
  world_.write("own/mine/config.json", "{}");
  world_.set("ASSAY_MODELS", (world_ / "own").string());
  const CommandOutput hidden = world_.run({"model", "import", "tiny.Q4.gguf", "--name", "mine"});
  EXPECT_EQ(hidden.code, 2);
  EXPECT_THAT(hidden.err, HasSubstr("'mine' is the model in " + (world_ / "own/mine").string()));
  EXPECT_FALSE(fs::exists(world_ / "home/models/mine"));
  world_.write("broken.gguf", "GGUF");
  const CommandOutput broken = world_.run({"model", "import", "broken.gguf"});
  EXPECT_EQ(broken.code, 2);
  EXPECT_THAT(broken.err, HasSubstr("the file is damaged"));
  EXPECT_FALSE(fs::exists(world_ / "home/models/broken"));
  EXPECT_EQ(world_.run({"model", "import", "nowhere.gguf"}).code, 2);
}

}  // namespace
}  // namespace assay
