// Shared libraries of methods and suite kinds, from the command line to the keys of cells.

#include <filesystem>
#include <fstream>

#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "tests/plugins/plugins_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Plugins : public PluginsWorld {
 protected:
  CommandOutput list_with(const std::string& file) {
    return world_.run({"list", "methods", "--plugin", file});
  }
  void expect_refused(const std::string& file, const std::string& reason) {
    const CommandOutput output = list_with(file);
    EXPECT_EQ(output.code, 2) << output.out << output.err;
    EXPECT_THAT(output.err,
                AllOf(HasSubstr(reason), HasSubstr(fs::path(file).filename().string())));
  }
  /// Key of the one cell that is not dense, and the experiment as it is stored.
  std::string key_of_random(const std::string& plugin) {
    const CommandOutput output =
        world_.run({"plan", "--model", "./model", "--method", "random:sparsity=0.5", "--suite",
                    "decode:prompt_tokens=8,new_tokens=4", "--plugin", plugin, "--json"});
    EXPECT_EQ(output.code, 0) << output.err;
    return Json::parse(output.out).at("cells").at(1).at("key").get<std::string>();
  }
};

TEST_F(Plugins, ArePartOfListsAndDescriptions) {
  const CommandOutput with = list_with(plugin_file("random"));
  EXPECT_EQ(with.code, 0) << with.err;
  EXPECT_THAT(with.out, HasSubstr("\nrandom "));
  EXPECT_THAT(world_.run({"list", "methods"}).out, Not(HasSubstr("\nrandom ")));
  EXPECT_THAT(world_.run({"describe", "random", "--plugin", plugin_file("random")}).out,
              HasSubstr("plugin: " + plugin_file("random")));
}

TEST_F(Plugins, RunAndAreNamedByTheStoredExperiment) {
  EXPECT_EQ(run_method("random", "random").code, 0);
  EXPECT_EQ(status_of("random"), "OK");
  const Json stored = Store::open_read_only(world_ / "results.db").experiment_config("small");
  ASSERT_EQ(stored.at("plugins").size(), 1U);
  EXPECT_EQ(stored.at("plugins").at(0).at("file"), plugin_file("random"));
  EXPECT_EQ(stored.at("plugins").at(0).at("hash"), sha256_file(plugin_file("random")));
}

TEST_F(Plugins, OfTheCommandLineAreWrittenIntoASavedExperiment) {
  const CommandOutput output =
      world_.run({"plan", "--model", "./model", "--method", "random:sparsity=0.5", "--suite",
                  "decode:prompt_tokens=8,new_tokens=4", "--plugin", plugin_file("random"),
                  "--save", "saved.toml"});
  EXPECT_EQ(output.code, 0) << output.err;
  const CommandOutput again = world_.run({"plan", "saved.toml"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(again.out, output.out);
}

TEST_F(Plugins, ContentIsPartOfTheKeyAndItsPlaceIsNot) {
  const fs::path copy = world_ / "copy.so", other = world_ / "other.so";
  fs::copy_file(plugin_file("random"), copy);
  fs::copy_file(plugin_file("random"), other);
  std::ofstream(other, std::ios::app | std::ios::binary) << "one more byte";
  const std::string key = key_of_random(plugin_file("random"));
  EXPECT_EQ(key_of_random(copy), key);
  EXPECT_NE(key_of_random(other), key);
}

TEST_F(Plugins, SuiteKindsOfThemAreSuites) {
  const CommandOutput output =
      world_.run({"run", "--model", "./model", "--method", "dense", "--suite",
                  "fixture_items:items=50", "--plugin", plugin_file("questions"), "--json"});
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_THAT(output.out, HasSubstr("fixture_items"));
  const CommandOutput plan =
      world_.run({"plan", "--model", "./model", "--method", "dense", "--suite", "fixture_items",
                  "--plugin", plugin_file("questions"), "--json"});
  const Json document = Json::parse(plan.out).at("cells").at(0).at("key_document");
  EXPECT_EQ(document.at("suite").at("source").get<std::string>().size(), 64U);
}

TEST_F(Plugins, AreRefusedWithAReason) {
  expect_refused(plugin_file("nowhere"), "no such plug-in");
  expect_refused(world_.write("text.so", "not a library"), "no shared library for this machine");
  expect_refused((binary_dir() / "tests/libmisfit_plain.so").string(), "has no descriptor");
  expect_refused((binary_dir() / "tests/libmisfit_other_torch.so").string(),
                 "libtorch 2.4.1 (here 2.11.0)");
  expect_refused((binary_dir() / "tests/libmisfit_no_entry.so").string(),
                 "lacks the function assay_register_plugin");
  expect_refused((binary_dir() / "tests/libmisfit_no_symbol.so").string(), "nobody_defines_this");
}

TEST_F(Plugins, CutShortAreRefusedAtEveryLength) {
  const std::string whole = read_text_file(plugin_file("random"));
  for (const double share : {0.0, 0.001, 0.01, 0.3, 0.9, 0.999}) {
    const auto size = static_cast<std::size_t>(share * static_cast<double>(whole.size()));
    const fs::path cut = world_.write("cut.so", whole.substr(0, size));
    EXPECT_EQ(list_with(cut).code, 2) << size;
  }
}

TEST_F(Plugins, AskedTwiceByDifferentFilesIsANameTwice) {
  const fs::path copy = world_ / "copy.so";
  fs::copy_file(plugin_file("random"), copy);
  const CommandOutput output =
      world_.run({"list", "methods", "--plugin", plugin_file("random"), "--plugin", copy.string()});
  EXPECT_EQ(output.code, 2);
  EXPECT_THAT(output.err, HasSubstr("there is a method 'random' already"));
}

TEST_F(Plugins, OfANewMethodHaveAFolderThatReplacesNothing) {
  world_.set("ASSAY_SHARE", source_dir().string());
  EXPECT_EQ(world_.run({"method", "new", "my_own"}).code, 0);
  EXPECT_THAT(read_text_file(world_ / "my_own/my_own.cpp"),
              AllOf(HasSubstr("class MyOwn final"), HasSubstr("void register_my_own("),
                    Not(HasSubstr("@"))));
  for (const char* file : {"CMakeLists.txt", "conformance.json", "experiment.toml", "README.md"}) {
    EXPECT_TRUE(fs::exists(world_ / ("my_own/" + std::string(file)))) << file;
  }
  EXPECT_THAT(world_.run({"method", "new", "my_own"}).err, HasSubstr("nothing is replaced"));
  EXPECT_THAT(world_.run({"method", "new", "wanda"}).err, HasSubstr("a method 'wanda' already"));
  EXPECT_THAT(world_.run({"method", "new", "My-Own"}).err, HasSubstr("use lower-case letters"));
  EXPECT_FALSE(fs::exists(world_ / "wanda"));
}

}  // namespace
}  // namespace assay
