// `assay model export` with the real worker.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

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
using testing::StartsWith;

/// The world's own model: neither data nor Python are asked for.
class ModelExport : public testing::Test {
 protected:
  ModelExport() { world_.set("ASSAY_WORKER", (binary_dir() / "bin/assay-worker").string()); }

  CommandOutput run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"model", "export"});
    return world_.run(arguments);
  }
  void expect_refused(const CommandOutput& result, const std::string& phrase) {
    EXPECT_EQ(result.code, 2) << result.err;
    EXPECT_THAT(result.err, AllOf(HasSubstr(phrase), Not(HasSubstr("bug"))));
    EXPECT_EQ(result.out, "");
    expect_nothing_left();
  }
  void expect_nothing_left() const {
    for (const auto& entry : fs::directory_iterator(world_ / "")) {
      EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("out"))) << entry.path();
    }
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    return read_text_file(world_ / name);
  }

  CliWorld world_;
};

TEST_F(ModelExport, DenseIsTheModelAgainWithACard) {
  const CommandOutput result = run({"./model", "--method", "dense", "-o", "out"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, (world_ / "out").string() + "\n");
  for (const char* file : {"config.json", "model.safetensors", "tokenizer.json"}) {
    EXPECT_EQ(text(std::string("out/") + file).size(), text(std::string("model/") + file).size());
  }
  EXPECT_EQ(text("out/config.json"), text("model/config.json"));
  EXPECT_THAT(text("out/README.md"),
              AllOf(HasSubstr("# model, dense"), HasSubstr("none: nothing is fitted"),
                    HasSubstr("Values of weights."), HasSubstr("No results database")));
}

TEST_F(ModelExport, APrunedModelNamesItsParametersAndItsArtefact) {
  const std::vector<std::string> arguments = {
      "./model", "--method",     "magnitude", "--set", "pattern=2:4", "--dtype",
      "fp16",    "--shard-size", "20KB",      "-o",    "out"};
  const CommandOutput result = run(arguments);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("fit magnitude"), HasSubstr("write ")));
  const Json index = read_json_file(world_ / "out/model.safetensors.index.json");
  EXPECT_GT(index.at("weight_map").size(), 10U);
  EXPECT_THAT(text("out/README.md"),
              AllOf(HasSubstr("pattern = \"2:4\""), HasSubstr("float16"), HasSubstr("| Seed | 0 |"),
                    HasSubstr("Calibration data | none")));
  // The second time there is nothing to fit.
  fs::remove_all(world_ / "out");
  const CommandOutput again = run(arguments);
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, Not(HasSubstr("fit magnitude")));
}

TEST_F(ModelExport, PackedWeightsAreUnpackedAndTheCardSaysSo) {
  const CommandOutput result = run({"./model", "--method", "quantize", "--set", "algorithm=rtn",
                                    "--set", "group=32", "--dtype", "fp32", "-o", "out"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(text("out/README.md"),
              HasSubstr("4-bit weights in groups of 32 columns, dequantised (layers 0, 1)"));
}

TEST_F(ModelExport, AnArtefactOfTheUsersIsTakenAsItIs) {
  ASSERT_EQ(run({"./model", "--method", "magnitude", "--set", "sparsity=0.5", "-o", "one"}).code,
            0);
  fs::path artefact;
  for (const auto& entry : fs::directory_iterator(world_ / "home/artefacts")) {
    if (entry.path().extension() == ".safetensors") artefact = entry.path();
  }
  const CommandOutput result =
      run({"./model", "--method", "magnitude", "--artefact", artefact.string(), "-o", "two"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(text("two/model.safetensors"), text("one/model.safetensors"));
  EXPECT_THAT(text("two/README.md"),
              AllOf(HasSubstr("sparsity = 0.5"), HasSubstr("not recorded in the artefact")));
  expect_refused(
      run({"./model", "--method", "wanda", "--artefact", artefact.string(), "-o", "out"}),
      "an artefact of method 'magnitude'");
  expect_refused(run({"./model", "--method", "magnitude", "--artefact", "nowhere", "-o", "out"}),
                 "--artefact nowhere: no such file");
}

TEST_F(ModelExport, AChainIsFittedLinkByLinkAndTheCardNamesEveryLink) {
  const std::vector<std::string> arguments = {"./model",       "--method", "magnitude", "--set",
                                              "pattern=2:4",   "--then",   "quantize",  "--set",
                                              "algorithm=rtn", "--set",    "group=32",  "--dtype",
                                              "fp32",          "-o",       "out"};
  const CommandOutput result = run(arguments);
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("fit magnitude"), HasSubstr("fit quantize")));
  EXPECT_THAT(text("out/README.md"),
              AllOf(HasSubstr("# model, magnitude then quantize"),
                    HasSubstr("| Method of step 1 | magnitude |"), HasSubstr("pattern = \"2:4\""),
                    HasSubstr("| Method of step 2 | quantize |"), HasSubstr("algorithm = \"rtn\""),
                    HasSubstr("| SHA-256 of the artefact of step 2 |"), HasSubstr("dequantised")));
  // The links are cached one by one.
  fs::remove_all(world_ / "out");
  EXPECT_THAT(run(arguments).err, Not(HasSubstr("fit ")));
  EXPECT_THAT(run({"./model", "--method", "magnitude", "--set", "pattern=2:4", "-o", "first"}).err,
              Not(HasSubstr("fit ")));
}

TEST_F(ModelExport, ALinkIsAppliedToWhatTheOneBeforeItLeft) {
  const auto weights = [&](const std::vector<std::string>& methods) {
    std::vector<std::string> arguments = {"./model"};
    arguments.insert(arguments.end(), methods.begin(), methods.end());
    arguments.insert(arguments.end(), {"-o", "out"});
    const CommandOutput result = run(arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    const std::string bytes = text("out/model.safetensors");
    fs::remove_all(world_ / "out");
    return bytes;
  };
  // The smallest six of ten are the same whether the smallest three went before or not.
  const std::string sparse = weights({"--method", "magnitude", "--set", "sparsity=0.6"});
  EXPECT_TRUE(sparse == weights({"--method", "magnitude", "--set", "sparsity=0.3", "--then",
                                 "magnitude", "--set", "sparsity=0.6"}));
  EXPECT_TRUE(sparse == weights({"--method", "magnitude", "--set", "sparsity=0.6", "--then",
                                 "magnitude", "--set", "sparsity=0.3"}));
  EXPECT_FALSE(sparse == weights({"--method", "magnitude", "--set", "sparsity=0.3"}));
}

TEST_F(ModelExport, AChainThatMakesNoSenseIsRefused) {
  const auto refused = [&](std::vector<std::string> arguments, const std::string& phrase) {
    arguments.insert(arguments.begin(), "./model");
    arguments.insert(arguments.end(), {"-o", "out"});
    expect_refused(run(arguments), phrase);
  };
  refused({"--method", "dense", "--then", "magnitude"}, "'dense' leaves a model as it is");
  refused({"--method", "magnitude", "--then", "dense"}, "'dense' leaves a model as it is");
  refused({"--method", "magnitude", "--then", "quantise"}, "did you mean 'quantize'");
  refused({"--then", "quantize", "--method", "magnitude"}, "--then quantize: stands before");
  refused({"--method", "magnitude", "--then", "quantize", "--artefact", "a.safetensors"},
          "--then quantize: a chain is fitted link by link");
  refused({"--method", "magnitude", "--then", "quantize", "--set", "sparsity=0.5"},
          "unknown key 'sparsity' in method 'quantize'");
  refused({"--method", "magnitude", "--set", "then=quantize"}, "write what follows as --then");
  refused(
      {"--method", "magnitude", "--then", "shortgpt", "--set", "layers=99", "--set", "by=random"},
      "fit shortgpt: layers = 99");
}

TEST_F(ModelExport, AFolderThatIsThereIsRefusedBeforeAnythingIsDone) {
  fs::create_directories(world_ / "there");
  const CommandOutput result = run({"./nowhere", "--method", "magnitude", "-o", "there/"});
  expect_refused(result, "there/: is there already");
  EXPECT_TRUE(fs::is_empty(world_ / "there"));
  expect_refused(run({"./model", "--method", "dense", "-o", "a/b"}), "no such folder; make it");
}

TEST_F(ModelExport, AFileThatCannotBeWrittenLeavesNothing) {
  // As a full disk; in blocks of 512 bytes, and the weights take 140 of them.
  const CommandOutput result =
      world_.shell("ulimit -f 120; assay model export ./model --method dense -o out");
  EXPECT_EQ(result.code, 3) << result.err;
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr((world_ / "out/model.safetensors").string() +
                              ": cannot be written: File too large; raise the limit"),
                    HasSubstr("or choose another place"), Not(HasSubstr("ASSAY_HOME"))));
  expect_nothing_left();
}

TEST_F(ModelExport, SettingsAreCheckedAsInAnExperiment) {
  const auto refused = [&](const std::string& method, const std::string& setting) {
    const CommandOutput result =
        run({"./model", "--method", method, "--set", setting, "-o", "out"});
    expect_refused(result, "assay: ");
    return result.err;
  };
  EXPECT_THAT(refused("wnada", "sparsity=1"), HasSubstr("did you mean 'wanda'"));
  EXPECT_THAT(refused("magnitude", "sparsty=0.5"),
              AllOf(StartsWith("assay: --set: "), HasSubstr("did you mean 'sparsity'")));
  EXPECT_THAT(refused("magnitude", "sparsity=1.5"),
              StartsWith("assay: --set: sparsity = 1.5 is outside"));
  EXPECT_THAT(refused("magnitude", "sparsity=half"),
              StartsWith("assay: --set: sparsity = \"half\""));
  EXPECT_THAT(refused("magnitude", "sparsity=[0.3, 0.5]"),
              StartsWith("assay: --set: the values make 2 settings of method"));
  EXPECT_THAT(refused("magnitude", "sparsity"),
              StartsWith("assay: --set sparsity: write KEY=VALUE"));
  EXPECT_THAT(refused("magnitude", "calibration.samples=3"), HasSubstr("uses no calibration data"));
  EXPECT_THAT(refused("wanda", "calibration.dataset=nws"),
              StartsWith("assay: --set: dataset = \"nws\" is not one"));
}

/// With trained models and real text.
class TrainedExport : public ModelExport {
 protected:
  void SetUp() override {
    const std::string data = environment_or("ASSAY_DATA", "");
    const std::string models = environment_or("ASSAY_MODELS", "");
    if (data.empty() || models.empty()) {
      GTEST_SKIP() << "set ASSAY_DATA and ASSAY_MODELS to the folders of the test data";
    }
    world_.set("ASSAY_DATA", data);
    world_.set("ASSAY_MODELS", models);
    world_.set("ASSAY_SHARE", source_dir().string());
    world_.set("ASSAY_PYTHON", test_python());
  }
  /// Perplexity of each model and method, in the order of the experiment.
  std::vector<double> perplexities(const std::string& experiment) {
    world_.write("e.toml", experiment);
    const CommandOutput ran = world_.run({"run", "e.toml"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    const CommandOutput report = world_.run({"report", "results.db", "--format", "json"});
    std::vector<double> values;
    const Json document = Json::parse(report.out);
    for (const Json& row : document.at("experiments").at(0).at("results")) {
      if (row.at("metric") == "token_ppl") values.push_back(row.at("value"));
    }
    return values;
  }
};

constexpr const char* kExperiment = R"([experiment]
name = "export"
[[model]]
id = "MODEL"
[[method]]
id = "METHOD"
[[suite]]
id = "tiny-corpus-ppl"
window = 128
limit = 4
)";

std::string experiment(const std::string& model, const std::string& method) {
  std::string text = kExperiment;
  text.replace(text.find("MODEL"), 5, model);
  return text.replace(text.find("METHOD\""), 7, method);
}

TEST_F(TrainedExport, AnExportedModelScoresAsTheCompressedOne) {
  const std::vector<double> compressed = perplexities(
      experiment("tiny-gpt2-gelu",
                 "wanda\"\nsparsity = 0.5\ncalibration = { dataset = \"tiny-corpus\", split = "
                 "\"calibration\", samples = 4, tokens = 64 }"));
  const CommandOutput result =
      run({"tiny-gpt2-gelu", "--method", "wanda", "--set", "sparsity=0.5", "--set",
           "calibration.dataset=tiny-corpus", "--set", "calibration.split=calibration", "--set",
           "calibration.samples=4", "--set", "calibration.tokens=64", "--db", "results.db", "-o",
           "out"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("fit wanda"))) << "the run has fitted it";
  EXPECT_THAT(text("out/README.md"),
              AllOf(HasSubstr("| tiny-corpus-ppl\\* | token_ppl |"),
                    HasSubstr("tiny-corpus (calibration), 4 samples of 64 tokens")));
  const std::vector<double> exported = perplexities(experiment("./out", "dense\""));
  ASSERT_EQ(compressed.size(), 1U);
  ASSERT_EQ(exported.size(), 1U);
  EXPECT_NEAR(exported.front() / compressed.front(), 1, 1e-6);
}

TEST_F(TrainedExport, AnExportedChainScoresAsTheCompressedOne) {
  const std::vector<double> compressed = perplexities(
      experiment("tiny-gpt2-gelu",
                 "magnitude\"\nsparsity = 0.3\nthen = [{ id = \"wanda\", sparsity = 0.5, "
                 "calibration = { dataset = \"tiny-corpus\", samples = 4, tokens = 64 } }]\n"));
  const CommandOutput result =
      run({"tiny-gpt2-gelu", "--method", "magnitude", "--set", "sparsity=0.3", "--then", "wanda",
           "--set", "sparsity=0.5", "--set", "calibration.dataset=tiny-corpus", "--set",
           "calibration.samples=4", "--set", "calibration.tokens=64", "--db", "results.db", "-o",
           "out"});
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("fit "))) << "the run has fitted both";
  EXPECT_THAT(text("out/README.md"), AllOf(HasSubstr("| tiny-corpus-ppl\\* | token_ppl |"),
                                           HasSubstr("Calibration data of step 2 | tiny-corpus")));
  const std::vector<double> exported = perplexities(experiment("./out", "dense\""));
  ASSERT_EQ(compressed.size(), 1U);
  ASSERT_EQ(exported.size(), 1U);
  EXPECT_NEAR(exported.front() / compressed.front(), 1, 1e-6);
}

TEST_F(TrainedExport, ABlockWithoutAPlainFormIsRefusedWithItsArtefact) {
  const CommandOutput result =
      run({"tiny-opt-relu", "--method", "ffn_linear", "--set", "calibration.dataset=tiny-corpus",
           "--set", "calibration.split=calibration", "--set", "calibration.samples=4", "--set",
           "calibration.tokens=64", "--db", "none.db", "-o", "out"});
  expect_refused(result, "--db none.db: no such file");
  const CommandOutput block =
      run({"tiny-opt-relu", "--method", "ffn_linear", "--set", "calibration.dataset=tiny-corpus",
           "--set", "calibration.split=calibration", "--set", "calibration.samples=4", "--set",
           "calibration.tokens=64", "-o", "out"});
  expect_refused(block, "the feed-forward block is one affine map for the whole block");
  EXPECT_THAT(block.err, AllOf(HasSubstr("the artefact alone"), HasSubstr(".safetensors")));
}

}  // namespace
}  // namespace assay
