// Numbers out of texts.

#include "harness/base/numbers.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace assay {
namespace {

TEST(NumberFrom, TakesTheWholeTextOrNothing) {
  EXPECT_EQ(number_from<std::int64_t>("-12"), -12);
  EXPECT_EQ(number_from<double>("2.5e3"), 2500.0);
  for (const char* text : {"", " 1", "1 ", "1x", "+1", "0x10", "1.5", "9223372036854775808"}) {
    EXPECT_FALSE(number_from<std::int64_t>(text)) << text;
  }
  EXPECT_FALSE(number_from<int>("4294967301")) << "not cut to 5";
  EXPECT_FALSE(number_from<double>("1e999"));
}

TEST(AmountFrom, IsANumberAndAUnit) {
  const auto amount = amount_from("13.5  GB");
  ASSERT_TRUE(amount);
  EXPECT_EQ(amount->number, 13.5);
  EXPECT_EQ(amount->unit, "GB");
  EXPECT_EQ(amount->decimals, 1U);
  EXPECT_EQ(amount_from("8GiB")->decimals, 0U);
  for (const char* text : {"", "GB", "-1 GB", ".5 GB", "5. GB", "1.2.3 GB", "1234567890123456 B"}) {
    EXPECT_FALSE(amount_from(text)) << text;
  }
}

}  // namespace
}  // namespace assay
