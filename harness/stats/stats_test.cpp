// Against goldens that SciPy computed (scripts/golden/stats_goldens.py), and the stated domains.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>
#include <vector>

#include "harness/base/json.h"
#include "harness/stats/bootstrap.h"
#include "harness/stats/intervals.h"
#include "harness/stats/power.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using Values = std::vector<double>;

const Json& goldens() {
  static const Json kDocument = read_json_file(source_dir() / "tests/data/stats/goldens.json");
  return kDocument;
}

void expect_close(double got, const Json& wanted, const std::string& what) {
  const double value = wanted.get<double>();
  EXPECT_NEAR(got, value, 1e-12 * std::max(1.0, std::abs(value))) << what;
}

void expect_interval(const Interval& got, const Json& wanted, const std::string& what) {
  expect_close(got.lo, wanted.at(0), what + " lo");
  expect_close(got.hi, wanted.at(1), what + " hi");
}

TEST(Stats, PointsAndIntervalsAgreeWithSciPy) {
  for (const auto& [name, golden] : goldens().at("samples").items()) {
    const auto values = golden.at("values").get<Values>();
    for (const Json& pair : golden.at("quantiles")) {
      expect_close(quantile(values, pair.at(0)), pair.at(1), name + " quantile " + pair.dump());
    }
    expect_close(sample_standard_deviation(values), golden.at("stddev"), name + " stddev");
    const Estimate estimate = mean_estimate(values);
    expect_close(estimate.value, golden.at("mean"), name + " mean");
    expect_close(estimate.std_error, golden.at("std_error"), name + " std_error");
    expect_interval(estimate.interval, golden.at("t_interval"), name + " t");
    EXPECT_EQ(estimate.n, static_cast<std::int64_t>(values.size()));
  }
}

TEST(Stats, MedianIntervalAgreesWithSciPyAndIsAbsentWhereNoneExists) {
  int absent = 0;
  for (const auto& [name, golden] : goldens().at("samples").items()) {
    const auto interval = median_interval(golden.at("values").get<Values>());
    ASSERT_EQ(interval.has_value(), !golden.at("median_interval").is_null()) << name;
    if (!interval) ++absent;
    if (interval) expect_interval(*interval, golden.at("median_interval"), name);
  }
  EXPECT_EQ(absent, 2) << "samples of 2 and 5 values reach no 95 %";
}

TEST(Stats, WilsonAgreesWithSciPy) {
  for (const Json& row : goldens().at("wilson")) {
    const Interval got = wilson_interval(row.at(0), row.at(1), row.at(2));
    expect_close(got.lo, row.at(3), row.dump());
    expect_close(got.hi, row.at(4), row.dump());
  }
}

TEST(Stats, NormalDeltaAndPairedAgreeWithSciPy) {
  for (const Json& row : goldens().at("normal")) {
    const Interval got = normal_interval(row.at(0), row.at(1), row.at(2));
    expect_close(got.lo, row.at(3), row.dump());
    expect_close(got.hi, row.at(4), row.dump());
  }
  const auto windows = goldens().at("samples").at("windows").at("values").get<Values>();
  const Estimate perplexity = exp_mean_estimate(windows);
  expect_close(perplexity.value, goldens().at("exp_mean").at("value"), "exp mean");
  expect_close(perplexity.std_error, goldens().at("exp_mean").at("std_error"), "delta error");
  expect_interval(perplexity.interval, goldens().at("exp_mean").at("interval"), "delta");

  auto times = goldens().at("samples").at("times").at("values").get<Values>();
  times.resize(windows.size());
  const Estimate difference = paired_difference(times, windows);
  expect_close(difference.value, goldens().at("paired").at("mean"), "paired");
  expect_interval(difference.interval, goldens().at("paired").at("interval"), "paired");
}

TEST(Stats, WelchAgreesWithSciPy) {
  for (const Json& row : goldens().at("welch")) {
    const Estimate got = mean_difference(row.at("a").get<Values>(), row.at("b").get<Values>(),
                                         row.at("confidence").get<double>());
    expect_close(got.value, row.at("value"), "welch value");
    EXPECT_NEAR(got.std_error, row.at("std_error").get<double>(), 1e-9);
    EXPECT_NEAR(got.interval.lo, row.at("interval").at(0).get<double>(), 1e-9);
    EXPECT_NEAR(got.interval.hi, row.at("interval").at(1).get<double>(), 1e-9);
  }
  const Estimate constant = mean_difference(Values{2, 2}, Values{1, 1, 1});
  EXPECT_EQ(constant.interval.lo, 1);
  EXPECT_EQ(constant.interval.hi, 1);
}

TEST(Stats, APercentileNeedsEnoughSamples) {
  for (const Json& row : goldens().at("samples_for_percentile")) {
    EXPECT_EQ(samples_for_percentile(row.at(0), row.at(1), row.at(2)),
              row.at(3).get<std::int64_t>())
        << row.dump();
  }
  // Published values of LoadGen's early stopping at 99 %.
  EXPECT_EQ(samples_for_percentile(0.99), 459);
  EXPECT_EQ(samples_for_percentile(0.999), 4603);
  EXPECT_EQ(samples_for_percentile(0.99, 100), 12571);
}

TEST(Stats, BootstrapDrawsAsPythonDoes) {
  const Json& golden = goldens().at("bootstrap_median");
  const auto values = goldens().at("samples").at("times").at("values").get<Values>();
  const Interval got =
      bootstrap_interval(values, median, golden.at("resamples"), golden.at("seed"));
  expect_interval(got, golden.at("interval"), "bootstrap");
  const Interval other = bootstrap_interval(values, median, golden.at("resamples"), 43);
  EXPECT_NE(std::make_pair(got.lo, got.hi), std::make_pair(other.lo, other.hi));
}

TEST(Stats, ExpMeanIntervalIsAboveZero) {
  EXPECT_GT(exp_mean_estimate(Values{0.0, 10.0}).interval.lo, 0.0);
}

TEST(Stats, ConstantsHaveNoWidth) {
  const Values values(8, 2.5);
  const auto interval = median_interval(values);
  ASSERT_TRUE(interval.has_value());
  EXPECT_EQ(interval->lo, 2.5);
  EXPECT_EQ(interval->hi, 2.5);
  EXPECT_EQ(mean_estimate(values).std_error, 0.0);
}

TEST(Stats, RefusesWhatIsOutsideItsDomain) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(quantile(Values{}, 0.5), std::invalid_argument);
  EXPECT_THROW(quantile(Values{1.0}, 1.5), std::invalid_argument);
  EXPECT_THROW(quantile(Values{1.0, nan}, 0.5), std::invalid_argument);
  EXPECT_THROW(mean_estimate(Values{1.0}), std::invalid_argument);
  EXPECT_THROW(median_interval(Values{1.0, 2.0}, 1.0), std::invalid_argument);
  EXPECT_THROW(wilson_interval(3, 2), std::invalid_argument);
  EXPECT_THROW(wilson_interval(0, 0), std::invalid_argument);
  EXPECT_THROW(normal_interval(0.0, -1.0), std::invalid_argument);
  EXPECT_THROW(paired_difference(Values{1.0, 2.0}, Values{1.0}), std::invalid_argument);
  EXPECT_THROW(bootstrap_interval(Values{}, median, 10, 0), std::invalid_argument);
  EXPECT_THROW(mean_difference(Values{1.0}, Values{1.0, 2.0}), std::invalid_argument);
  EXPECT_THROW(samples_for_percentile(1.0), std::invalid_argument);
  EXPECT_THROW(samples_for_percentile(0.0), std::invalid_argument);
  EXPECT_THROW(samples_for_percentile(0.9, -1), std::invalid_argument);
}

}  // namespace
}  // namespace assay
