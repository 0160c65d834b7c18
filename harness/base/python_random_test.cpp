// Golden vectors made by CPython 3.11.
#include "harness/base/python_random.h"

#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>

namespace assay {
namespace {

std::vector<std::uint32_t> raw(std::uint64_t seed, int count) {
  PythonRandom random(seed);
  std::vector<std::uint32_t> values;
  for (int i = 0; i < count; ++i) values.push_back(random.next_u32());
  return values;
}

std::vector<std::int64_t> bounded(std::int64_t high, int count) {
  PythonRandom random(0);
  std::vector<std::int64_t> values;
  for (int i = 0; i < count; ++i) values.push_back(random.randint(0, high));
  return values;
}

TEST(PythonRandom, RawWordsEqualCPython) {
  EXPECT_EQ(raw(0, 5), (std::vector<std::uint32_t>{3626764237U, 1654615998U, 3255389356U,
                                                   3823568514U, 1806341205U}));
  EXPECT_EQ(raw(42, 3), (std::vector<std::uint32_t>{2746317213U, 478163327U, 107420369U}));
  EXPECT_EQ(raw(1234567890123ULL, 3),
            (std::vector<std::uint32_t>{3532746698U, 3180869644U, 867419813U}));
}

TEST(PythonRandom, RandintEqualsCPython) {
  EXPECT_EQ(bounded(356316, 8), (std::vector<std::int64_t>{201979, 220500, 21225, 135746, 268055,
                                                           254766, 212302, 159023}));
  EXPECT_EQ(bounded(9999, 8),
            (std::vector<std::int64_t>{6311, 6890, 663, 4242, 8376, 7961, 6634, 4969}));
  EXPECT_EQ(bounded(7, 10), (std::vector<std::int64_t>{6, 6, 0, 4, 7, 6, 4, 7, 5, 3}));
}

// random.Random(3), list(range(9)) shuffled twice.
TEST(PythonRandom, ShuffleEqualsCPython) {
  PythonRandom random(3);
  const auto shuffled = [&random](std::size_t count) {
    std::vector<std::int64_t> items(count);
    std::iota(items.begin(), items.end(), 0);
    random.shuffle(items);
    return items;
  };
  EXPECT_EQ(shuffled(9), (std::vector<std::int64_t>{1, 5, 6, 0, 8, 4, 7, 2, 3}));
  EXPECT_EQ(shuffled(9), (std::vector<std::int64_t>{0, 6, 2, 3, 5, 1, 8, 4, 7}));
  EXPECT_EQ(shuffled(1), (std::vector<std::int64_t>{0}));
  EXPECT_TRUE(shuffled(0).empty());
}

TEST(PythonRandom, StateIsRegeneratedAfter624Words) {
  PythonRandom random(0);
  for (int i = 0; i < 624; ++i) random.next_u32();
  PythonRandom again(0);
  EXPECT_NE(random.next_u32(), again.next_u32());
}

TEST(PythonRandom, EmptyRangeIsRefused) {
  PythonRandom random(0);
  EXPECT_THROW(random.randint(3, 2), std::invalid_argument);
}

}  // namespace
}  // namespace assay
