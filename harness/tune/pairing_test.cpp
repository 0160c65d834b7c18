#include "harness/tune/pairing.h"

#include <gtest/gtest.h>

#include <cmath>

#include "harness/tune/tune_fixture.h"

namespace assay::tune {
namespace {

CellRecord record(const std::string& key, const std::vector<bool>& right) {
  CellRecord cell;
  cell.cell_key = key;
  MetricRecord metric;
  metric.def.tag = "acc";
  metric.def.basis = Basis::kShare;
  metric.def.item_value = "correct";
  cell.metrics.push_back(metric);
  for (std::size_t i = 0; i < right.size(); ++i) {
    ItemScore item;
    item.item = static_cast<std::int64_t>(i);
    item.item_hash = "item" + std::to_string(i);
    item.correct = right[i];
    cell.items.push_back(item);
  }
  return cell;
}

class TunePairing : public testing::Test {
 protected:
  TunePairing() {
    std::vector<ResultRow> rows;
    add_setting(rows, 1, 0, 0.75, 100, 0.1);
    add_setting(rows, 2, 0, 0.5, 190, 0.1);
    add_setting(rows, 5, 0, 0.25, 400, 0.1);
    rows[0].cell_key = "one";
    rows[3].cell_key = "two";
    rows[6].cell_key = "five";
    TaskQuery query;
    query.over = {{"mux.instances", 1}};
    task_ = read_task(rows, query, {"acc"}, {"items_per_s"});
  }
  Task task_;
};

TEST_F(TunePairing, ItemsThatAllFindHardAreNoNoiseOfADifference) {
  pair_with_reference(
      task_, {record("one", {true, true, true, false}), record("two", {true, true, false, false}),
              record("five", {true, false, true, false, true})});
  EXPECT_EQ(task_.cells[0].quality->variance, 0) << "the reference";
  // Differences 0, 0, -1, 0: mean -0.25, squares 0.75 / 3, by 4 items, in points.
  EXPECT_NEAR(task_.cells[1].quality->variance, 0.25 / 4 * 1e4, 1e-9);
  EXPECT_NEAR(std::sqrt(task_.cells[2].quality->variance), 10 / 1.96, 1e-2)
      << "other items: as its interval says";
}

TEST_F(TunePairing, WithoutTheReferencesItemsIntervalsStay) {
  const double before = task_.cells[1].quality->variance;
  pair_with_reference(task_, {record("two", {true, true, false, false})});
  EXPECT_EQ(task_.cells[1].quality->variance, before);
}

}  // namespace
}  // namespace assay::tune
