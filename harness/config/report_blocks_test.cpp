// [[report]] blocks: what they say, and what is refused with its place.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/config/config_fixture.h"

namespace assay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ReportBlocks : public ::testing::Test {
 protected:
  Experiment read(const std::string& more) { return share_.experiment(kSmallExperiment + more); }
  std::string problems(const std::string& more) {
    return share_.experiment_problems(kSmallExperiment + more);
  }
  Share share_;
};

TEST_F(ReportBlocks, HaveDefaultsAndAreStored) {
  const Experiment experiment = read(
      "[[method]]\nid = \"wanda\"\n[[report]]\nname = \"t1\"\ntitle = \"Table 1\"\n"
      "group_by = [\"params.sparsity\"]\nwhere = [\"suite=news-ppl\", "
      "\"params.calibration.samples>1\"]\n"
      "columns = [\"fit/seconds\", \"a_metric_of_its_own\"]\n");
  ASSERT_EQ(experiment.reports.size(), 1U);
  const ReportChoice& report = experiment.reports[0];
  EXPECT_THAT(report.pivot, ElementsAre("suite"));
  EXPECT_THAT(report.group_by, ElementsAre("params.sparsity"));
  const Json stored = experiment.resolved().at("reports").at(0);
  EXPECT_EQ(stored.at("name"), "t1");
  EXPECT_EQ(stored.at("where").size(), 2U);
  EXPECT_FALSE(read("").resolved().contains("reports")) << "older experiments keep their identity";
}

TEST_F(ReportBlocks, AreCheckedWithPlaces) {
  const std::string text = problems(
      "[[report]]\n"                        // 12
      "name = \"a b\"\n"                    // 13
      "group_by = [\"methd\"]\n"            // 14
      "pivot = [\"suite.windo\"]\n"         // 15
      "where = [\"suite\", \"modle=x\"]\n"  // 16
      "columns = [\"fit/second\"]\n"        // 17
      "colums = []\n"                       // 18
      "[[report]]\n"                        // 19
      "title = \"no name\"\n");
  EXPECT_THAT(text, HasSubstr("x.toml:13:8: name = \"a b\""));
  EXPECT_THAT(text, HasSubstr("x.toml:14:12: unknown field 'methd'; did you mean 'method'?"));
  EXPECT_THAT(text,
              HasSubstr("x.toml:15:9: unknown field 'suite.windo'; did you mean 'suite.window'?"));
  EXPECT_THAT(text, HasSubstr("x.toml:16:9: 'suite' is no condition"));
  EXPECT_THAT(text, HasSubstr("x.toml:16:9: unknown field 'modle'; did you mean 'model'?"));
  EXPECT_THAT(text,
              HasSubstr("x.toml:17:11: unknown metric 'fit/second'; did you mean 'fit/seconds'?"));
  EXPECT_THAT(text, HasSubstr("x.toml:18:1: unknown key 'colums'"));
  EXPECT_THAT(text, HasSubstr("x.toml:19:1: [[report]] has no key 'name'; add it"));
}

TEST_F(ReportBlocks, NamesAreUnique) {
  EXPECT_THAT(problems("[[report]]\nname = \"a\"\n[[report]]\nname = \"a\"\n"),
              HasSubstr("x.toml:15:8: two reports are called 'a'; rename one"));
}

TEST_F(ReportBlocks, NoProfileIsCalledImported) {
  share_.write("hardware_profiles/imported.toml", "id = \"imported\"\nsummary = \"x\"\n");
  EXPECT_THAT(share_.catalogue_problems(), HasSubstr("it marks results out of files"));
}

}  // namespace
}  // namespace assay
