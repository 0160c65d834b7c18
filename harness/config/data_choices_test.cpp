// What a method's block says of its data: kinds that are taken, and questions that a suite asks.
#include <gtest/gtest.h>

#include <filesystem>

#include "harness/config/config_fixture.h"

namespace assay {
namespace {

class DataChoices : public testing::Test {
 protected:
  std::string problems(const std::string& more) {
    return share_.experiment_problems(kSmallExperiment + more);
  }
  Experiment read(const std::string& more) { return share_.experiment(kSmallExperiment + more); }
  Share share_;
};

TEST_F(DataChoices, CalibrationMayBeOfItemsWhereTheMethodTakesThem) {
  const Experiment experiment = read(
      "[[method]]\nid = \"staged\"\n"
      "calibration = { dataset = [\"piqa\"], split = \"train\", samples = 500 }\n"
      "[[method]]\nid = \"staged\"\n");
  EXPECT_TRUE(experiment.methods[1].calibration->on_items());
  EXPECT_EQ(experiment.methods[1].all_params().at("calibration"),
            (Json{{"dataset", "piqa"}, {"split", "train"}, {"samples", 500}, {"tokens", 0}}));
  EXPECT_FALSE(experiment.methods[2].calibration->on_items());
}

TEST_F(DataChoices, KindsThatAreNotCalibratedOnAreRefused) {
  (void)share_.write("datasets/films.toml", kFilms);
  EXPECT_EQ(problems("[[method]]\nid = \"staged\"\n"
                     "calibration = { dataset = \"films\", split = \"dev\" }\n"),
            "x.toml:14:27: data set 'films' is of kind labelled, and method 'staged' calibrates on "
            "text or items; name one of news, piqa");
}

TEST_F(DataChoices, ItemsAreCalibratedOnWithTheRecipeOfTheirSuites) {
  const std::string text =
      "[[method]]\nid = \"staged\"\ncalibration = { dataset = \"piqa\", split = \"train\" }\n";
  EXPECT_EQ(share_.catalogue().task_of("piqa"), "piqa");
  const auto suite = [&](const std::string& id, const std::string& task) {
    return share_.write("datasets/suites/" + id + ".toml",
                        "id = \"" + id +
                            "\"\nkind = \"multiple_choice\"\ndataset = \"piqa\"\n"
                            "split = \"validation\"\nsummary = \"physics\"\ntask = \"" +
                            task + "\"\n");
  };
  (void)suite("piqa-other", "other");
  EXPECT_EQ(problems(text),
            "x.toml:14:27: data set 'piqa' needs one recipe for its prompts, and its suites name "
            "other, piqa; name `task` in a suite over it");
  std::filesystem::remove(suite("piqa-other", "other"));
  std::filesystem::remove(share_.path() / "datasets/suites/piqa.toml");
  EXPECT_EQ(problems(text),
            "x.toml:14:27: data set 'piqa' needs one recipe for its prompts, and no suite over it "
            "names one; name `task` in a suite over it");
}

TEST_F(DataChoices, NothingIsCalibratedOnTheAnswersThatASuiteAsksFor) {
  const std::string suite = "[[suite]]\nid = \"piqa\"\n";
  const auto calibrated_on = [](const std::string& split) {
    return "[[method]]\nid = \"staged\"\ncalibration = { dataset = \"piqa\", split = \"" + split +
           "\" }\n";
  };
  EXPECT_EQ(problems(suite + calibrated_on("train")), "");
  EXPECT_EQ(problems(calibrated_on("validation")), "");
  EXPECT_EQ(problems(suite + calibrated_on("validation")),
            "x.toml:14:1: method 'staged' would be calibrated on the right answers that suite "
            "'piqa' asks for (data set 'piqa', split 'validation'); set calibration.split or "
            "calibration.dataset to another one");
}

}  // namespace
}  // namespace assay
