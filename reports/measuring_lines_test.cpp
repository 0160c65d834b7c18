#include "reports/measuring_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/document.h"
#include "reports/format.h"

namespace assay {
namespace {

using testing::HasSubstr;

ExperimentResults some_results() {
  ExperimentResults results;
  results.name = "small";
  results.overhead = HarnessOverhead{
      .processes = 24, .wall = 50, .start = 5, .load = 2.5, .between = 0.25, .parent_cpu = 0.125};
  return results;
}

TEST(MeasuringLines, OverheadIsInSecondsAndShares) {
  EXPECT_EQ(overhead_line(*some_results().overhead),
            "Harness overhead: 24 fits, scores and timed processes took 50.0 s; of it starting "
            "programs 5.0 s (10 %), reading models 2.5 s (5 %); between processes 250.0 ms (0.5 "
            "%); CPU time of assay "
            "itself 125.0 ms (0.25 %).");
}

TEST(MeasuringLines, EveryFormatForPeopleShowsThem) {
  FormatRegistry registry;
  register_report_formats(registry);
  const Document document = make_document(some_results());
  for (const char* name : {"terminal", "md", "json", "html", "tex"}) {
    RenderOptions options;
    options.width = 1000;
    EXPECT_THAT(registry.get(name).render({document}, options), HasSubstr("Harness overhead: 24"))
        << name;
  }
}

}  // namespace
}  // namespace assay
