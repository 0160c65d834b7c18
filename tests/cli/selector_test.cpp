// What a selector says on a command line, and that what a message suggests can be typed.

#include "harness/cli/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/base/errors.h"

namespace assay {
namespace {

using testing::ElementsAre;

const std::set<std::string> kSettings = {
    R"({"calibration":{"samples":16},"skip":[0,1],"sparsity":0.5})",
    R"({"calibration":{"samples":32},"skip":[],"sparsity":0.5})"};

TEST(Selectors, ReachNestedParametersAndLists) {
  const Selector selector = parse_selector("wanda:calibration.samples=16,skip=[0,1],sparsity=0.50");
  EXPECT_EQ(selector.name, "wanda");
  EXPECT_EQ(selector.settings.size(), 3U);
  EXPECT_TRUE(selector.fits(Json::parse(*kSettings.begin())));
  EXPECT_FALSE(selector.fits(Json::parse(*kSettings.rbegin())));
  EXPECT_THROW((void)parse_selector("wanda:skip"), UserError);
}

TEST(Selectors, WhatIsSuggestedFitsOneSetting) {
  const auto suggested = selectors_of(parse_selector("wanda"), kSettings);
  EXPECT_THAT(suggested, ElementsAre("wanda:calibration.samples=16,skip=[0,1]",
                                     "wanda:calibration.samples=32,skip=[]"));
  for (const std::string& text : suggested) {
    const Selector typed = parse_selector(text);
    EXPECT_EQ(std::count_if(kSettings.begin(), kSettings.end(),
                            [&](const std::string& one) { return typed.fits(Json::parse(one)); }),
              1)
        << text;
  }
}

TEST(Selectors, SayWhatWasAskedWhereNothingDiffers) {
  EXPECT_THAT(selectors_of(parse_selector("wanda:sparsity=0.3"), {*kSettings.begin()}),
              ElementsAre("wanda:sparsity=0.5"));
}

}  // namespace
}  // namespace assay
