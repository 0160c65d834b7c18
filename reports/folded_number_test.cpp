#include "reports/folded_number.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

namespace assay {
namespace {

std::string folded(double value, std::optional<double> lo, std::optional<double> hi) {
  const FoldedNumber number = folded_number(value, lo, hi);
  return number.interval.empty() ? number.value : number.value + " " + number.interval;
}

TEST(FoldedNumber, EvenIntervalsAreTwoDigitsAndTheValueEndsWithThem) {
  EXPECT_EQ(folded(17.843, 17.233, 18.463), "17.84 ±0.63");
  EXPECT_EQ(folded(47.78, 42.62, 52.94), "47.8 ±5.2");
  EXPECT_EQ(folded(161.8, 121.3, 202.0), "162 ±41");
  EXPECT_EQ(folded(1234.0, 984.0, 1484.0), "1230 ±260") << "tens are the last place of 250";
  EXPECT_EQ(folded(12345.6, 12341.0, 12350.0), "12346 ±5") << "no more than four digits";
  EXPECT_EQ(folded(0.5123, 0.4823, 0.5423), "0.512 ±0.031");
  EXPECT_EQ(folded(-2.5, -2.7, -2.3), "-2.50 ±0.20");
}

TEST(FoldedNumber, CarriesTakeNoThirdDigit) {
  EXPECT_EQ(folded(5.0, 4.0043, 5.9957), "5.0 ±1.0") << "0.9957 rounds up to 1.0";
  EXPECT_EQ(folded(100.0, 90.04, 109.96), "100 ±10");
  EXPECT_EQ(folded(9.9996, 9.9, 10.0992), "10.00 ±0.10");
  EXPECT_EQ(folded(0.0, -0.0996, 0.0996), "0.00 ±0.10");
}

TEST(FoldedNumber, UnevenIntervalsSayBothEnds) {
  EXPECT_EQ(folded(29.41, 24.43, 35.40), "29.4 [24.4,35.4]");
  EXPECT_EQ(folded(17.84, 17.00, 18.00), "17.84 [17.00,18.00]");
  EXPECT_EQ(folded(0.99, 0.93, 0.999), "0.990 [0.930,0.999]");
  EXPECT_EQ(folded(222.6, 196.5, 252.2), "223 [196,253]") << "ends are rounded outwards";
  EXPECT_EQ(folded(5.0, 6.0, 7.0), "5.0 [6.0,7.0]") << "a value outside of its interval";
}

TEST(FoldedNumber, NarrowIntervalsKeepFourDigits) {
  EXPECT_EQ(folded(1.2561, 1.25605, 1.25615), "1.256 ±0.001");
  EXPECT_EQ(folded(1.2561, 1.2561, 1.2561), "1.256 ±0") << "does not vary";
}

TEST(FoldedNumber, WithoutIntervalNothingIsSaid) {
  EXPECT_EQ(folded(17.8432, std::nullopt, std::nullopt), "17.84");
  EXPECT_EQ(folded(17.8432, 17.0, std::nullopt), "17.84");
  EXPECT_EQ(folded(17.8432, 17.0, HUGE_VAL), "17.84");
  EXPECT_EQ(folded(std::nan(""), 1.0, 2.0), "NAN");
  EXPECT_EQ(folded(HUGE_VAL, 1.0, 2.0), "inf");
}

TEST(FoldedNumber, HugeAndSmallOnesShareAnExponent) {
  EXPECT_EQ(folded(1.5e9, 1.488e9, 1.512e9), "1.500e+09 ±0.012e+09");
  EXPECT_EQ(folded(1.5e9, 1.4e9, 1.7e9), "1.50e+09 [1.40e+09,1.70e+09]");
  EXPECT_EQ(folded(1.5e-7, 1.2e-7, 1.8e-7), "1.50e-07 ±0.30e-07");
  EXPECT_EQ(folded(1e-5, -2e-4, 2.2e-4), "0.00001 ±0.00021");
}

/// Whatever is shown holds the interval, and is not much wider than it.
TEST(FoldedNumber, TheRangeShownHoldsTheInterval) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> magnitude(-9, 12), share(-4, 1), tilt(0.3, 3);
  int even = 0;
  for (int i = 0; i < 20000; ++i) {
    const double value = std::pow(10.0, magnitude(random)) * (random() % 2 == 0 ? 1 : -1);
    const double below = std::abs(value) * std::pow(10.0, share(random));
    const double uneven = tilt(random);
    const double above = below * (random() % 2 == 0 ? 1 + 0.03 * (uneven - 1) : uneven);
    const double lo = value - below, hi = value + above;
    const FoldedNumber number = folded_number(value, lo, hi);
    const double shown = std::strtod(number.value.c_str(), nullptr);
    double from = 0, to = 0;
    if (number.interval.starts_with("±")) {
      const double half = std::strtod(number.interval.c_str() + std::string("±").size(), nullptr);
      from = shown - half;
      to = shown + half;
      ++even;
    } else {
      const std::size_t comma = number.interval.find(',');
      from = std::strtod(number.interval.c_str() + 1, nullptr);
      to = std::strtod(number.interval.c_str() + comma + 1, nullptr);
    }
    const double size = std::max(above, below), slack = 1e-9 * (std::abs(value) + size);
    ASSERT_LE(from, lo + slack) << value << " " << lo << " " << hi << ": " << number.interval;
    ASSERT_GE(to, hi - slack) << value << " " << lo << " " << hi << ": " << number.interval;
    // A step is about a tenth of the half width, or a thousandth of the value where that is more.
    const double step = std::max(size / 9.8, 1.001e-3 * std::abs(value));
    ASSERT_GE(from, lo - 2 * step - 0.1 * size) << value << " " << lo << " " << hi;
    ASSERT_LE(to, hi + 2 * step + 0.1 * size) << value << " " << lo << " " << hi;
    ASSERT_LE(std::abs(shown - value), step) << value << ": " << number.value;
  }
  EXPECT_GT(even, 5000);
}

}  // namespace
}  // namespace assay
