#include "harness/tune/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"

namespace assay::tune {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

TEST(Axis, IsAMethodsParameterAndItsValueWithoutTheMethod) {
  EXPECT_EQ(parse_axis("cofi.sparsity:0").name, "cofi.sparsity");
  EXPECT_EQ(parse_axis("cofi.sparsity:0").without, 0.0);
  EXPECT_EQ(parse_axis("mux.instances:1").without, 1.0);
  EXPECT_FALSE(parse_axis("a.b.c").without.has_value());
  for (const char* bad :
       {"", "sparsity", ".sparsity", "cofi.", "cofi.sparsity:", "a.b:x", "a.b:nan"})
    EXPECT_THROW(parse_axis(bad), UserError) << bad;
}

TEST(Axis, ParametersOfAChainAreNamedByTheirMethod) {
  const ChainParameters parameters = chain_parameters("mux", R"({"instances": 5,
      "calibration": {"samples": 8},
      "then": [{"id": "cofi", "sparsity": 0.8}, {"id": "mux", "instances": 2}]})");
  EXPECT_THAT(parameters,
              UnorderedElementsAre(Pair("mux.instances", 5), Pair("mux.calibration.samples", 8),
                                   Pair("cofi.sparsity", 0.8), Pair("mux#2.instances", 2)));
  EXPECT_TRUE(chain_parameters("imported", "as published").empty());
}

TEST(Axis, APlaceNeedsEachAxisOrItsValueWithoutTheMethod) {
  const std::vector<Axis> axes = {{"mux.instances", 1}, {"cofi.sparsity", {}}};
  EXPECT_EQ(place_of({{"cofi.sparsity", 0.6}}, axes), (std::vector<double>{1, 0.6}));
  EXPECT_FALSE(place_of({{"mux.instances", 2}}, axes).has_value());
  EXPECT_FALSE(place_of({{"mux.instances", "two"}, {"cofi.sparsity", 0.6}}, axes).has_value());
}

TEST(AxisScale, WideAxesAboveZeroAreSpacedByRatios) {
  const AxisScale instances({10, 1, 5, 2});
  EXPECT_TRUE(instances.logarithmic());
  EXPECT_DOUBLE_EQ(instances(1), 0);
  EXPECT_DOUBLE_EQ(instances(10), 1);
  EXPECT_DOUBLE_EQ(instances(2) + instances(5), 1);
  const AxisScale sparsity({0, 0.95});
  EXPECT_FALSE(sparsity.logarithmic());
  EXPECT_DOUBLE_EQ(sparsity(0.475), 0.5);
  EXPECT_DOUBLE_EQ(AxisScale({3})(3), 0) << "one value has no width";
}

}  // namespace
}  // namespace assay::tune
