// Labelled data of users, from the raw file to the plan, with the real Python tools.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kFilms = R"(name = "films"
summary = "films"
licence = "none"
source = "me"
kind = "labelled"
text = ["sentence"]
label = "label"
labels = {bad = 0, good = 1}
[splits.dev]
files = ["films.tsv"]
)";
constexpr const char* kFilmSuite = R"(id = "films"
kind = "classification"
dataset = "films"
split = "dev"
summary = "films"
)";

class LabelledData : public testing::Test {
 protected:
  void SetUp() override {
    if (test_python().empty()) GTEST_SKIP() << "no Python with the packages of requirements.txt";
    world_.set("ASSAY_PYTHON", test_python());
    fs::remove_all(world_ / "share/python");
    fs::create_directory_symlink(source_dir() / "python", world_ / "share/python");
    world_.write("share/datasets/films.toml", kFilms);
    world_.write("share/datasets/suites/films.toml", kFilmSuite);
    world_.write("e.toml", experiment_text("", "[[suite]]\nid = \"films\"\nmax_tokens = [2, 9]\n"));
  }
  [[nodiscard]] CommandOutput plan(const std::string& table) const {
    world_.write("data/films.tsv", table);
    return world_.run({"plan", "e.toml"});
  }

  CliWorld world_;
};

TEST_F(LabelledData, ArePreparedOnceForEachLength) {
  const CommandOutput first = plan("sentence\tlabel\nab\t0\nabab\tgood\n");
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr("2 cells: 0 stored, 2 to run"));
  EXPECT_THAT(first.err, AllOf(HasSubstr("preparing films (dev, at most 2 tokens)"),
                               HasSubstr("preparing films (dev, at most 9 tokens)")));
  std::vector<Json> tokens;
  for (const auto& folder : fs::directory_iterator(world_ / "home/prepared")) {
    if (!folder.is_directory()) continue;
    const Json manifest = read_json_file(folder.path() / "manifest.json");
    EXPECT_EQ(manifest.at("format"), "labelled");
    EXPECT_EQ(manifest.at("label_counts"), Json::array({1, 1}));
    tokens.push_back(manifest.at("tokens"));
  }
  EXPECT_THAT(tokens, testing::UnorderedElementsAre(Json(4), Json(6)));
  const CommandOutput again = plan("sentence\tlabel\nab\t0\nabab\tgood\n");
  EXPECT_EQ(again.err.find("preparing"), std::string::npos) << again.err;
}

TEST_F(LabelledData, AMistakeMakesItsCellsUnmetWithThePlace) {
  const CommandOutput result = plan("sentence\tlabel\nab\t0\nabab\tso so\n");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("films.tsv:3: 'label' is \"so so\"; allowed: bad, good"),
                                HasSubstr("2 unmet")));
}

}  // namespace
}  // namespace assay
