// Tables that somebody asked for: conditions, lines, columns, and places with two values.

#include "reports/layout.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"
#include "harness/base/layout_fields.h"
#include "reports/report_fixture.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> titles(const Table& table) {
  std::vector<std::string> result;
  for (const TableColumn& column : table.columns)
    result.push_back(column.group + "|" + column.title);
  return result;
}

std::string message(const std::function<void()>& work) {
  try {
    work();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Conditions, AreReadOrRefused) {
  const Condition condition = parse_condition("params.sparsity>=0.5");
  EXPECT_EQ(condition.field, "params.sparsity");
  EXPECT_EQ(condition.op, ">=");
  EXPECT_THAT(condition.values, ElementsAre("0.5"));
  EXPECT_THAT(parse_condition("method!=dense,ria").values, ElementsAre("dense", "ria"));
  for (const char* bad : {"method", "=x", "", "a<>b", "a==b"}) {
    EXPECT_THROW((void)parse_condition(bad), UserError) << bad;
  }
}

TEST(Conditions, ChooseRows) {
  const auto rows = usual().rows;
  const auto count = [&](const std::vector<std::string>& where) {
    return rows_where(rows, where).size();
  };
  EXPECT_EQ(count({}), rows.size());
  EXPECT_EQ(count({"method=dense"}), 4U);
  EXPECT_EQ(count({"method=dense,tardis"}), 6U);
  EXPECT_EQ(count({"method=d*"}), 4U);
  EXPECT_EQ(count({"params.sparsity>0.5"}), 6U);
  EXPECT_EQ(count({"params.sparsity<=0.50"}), 14U) << "wanda twice, ria's two failures";
  EXPECT_EQ(count({"status!=OK"}), 4U);
  EXPECT_EQ(count({"method=wanda", "params.pattern=2:4", "suite=decode"}), 3U);
  EXPECT_THAT(message([&] { (void)count({"params.sparsty=0.5"}); }),
              HasSubstr("unknown field 'params.sparsty'; did you mean 'params.sparsity'?"));
}

TEST(Layouts, PutEachValueIntoItsPlace) {
  Layout layout;
  layout.group_by = {"params.sparsity"};
  layout.pivot = {"params.pattern"};
  layout.columns = {"token_ppl"};
  Notes notes;
  const Table table = layout_table(rows_where(usual().rows, {"method=wanda"}), layout, notes);
  EXPECT_THAT(titles(table),
              ElementsAre("|params.sparsity", "unstructured|perplexity", "2:4|perplexity"));
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0][0].text, "0.5");
  EXPECT_DOUBLE_EQ(*table.rows[0][1].value, 17.843 * 1.31);
  EXPECT_DOUBLE_EQ(*table.rows[0][2].value, 17.843 * 1.62);
  EXPECT_DOUBLE_EQ(*table.rows[1][1].value, 17.843 * 9.07);
  EXPECT_EQ(table.rows[1][2].kind, TableCell::Kind::kAbsent) << "2:4 is 50 %: nothing was asked";
  EXPECT_TRUE(notes.list().empty());
}

TEST(Layouts, NeverAverageOverWhatTheyDoNotKnow) {
  Layout layout;
  layout.group_by = {"method"};
  layout.columns = {"token_ppl"};
  Notes notes;
  const Table table = layout_table(usual().rows, layout, notes);
  const auto wanda = std::find_if(table.rows.begin(), table.rows.end(),
                                  [](const auto& row) { return row[0].text == "wanda"; });
  ASSERT_NE(wanda, table.rows.end());
  EXPECT_EQ((*wanda)[1].text, "SEVERAL");
  EXPECT_THAT(notes.list().at((*wanda)[1].notes.at(0) - 1),
              HasSubstr("differ in params.pattern, params.sparsity"));
}

TEST(Layouts, FailuresStayWords) {
  Layout layout;
  Notes notes;
  const Table table = layout_table(usual().rows, layout, notes);
  std::string words;
  for (const auto& row : table.rows) {
    for (const TableCell& cell : row) {
      if (cell.kind == TableCell::Kind::kStatus) words += cell.text + " ";
      EXPECT_EQ(cell.kind == TableCell::Kind::kValue, cell.value.has_value());
    }
  }
  for (const char* word : {"UNMET", "OOM", "CRASHED"}) EXPECT_THAT(words, HasSubstr(word));
  EXPECT_EQ(table.rows.size(), 6U);
}

TEST(Layouts, SizesHaveOneColumnWhateverTheSuites) {
  Layout layout;
  layout.columns = {"token_ppl", "fit/seconds"};
  Notes notes;
  const Table table = layout_table(usual().rows, layout, notes);
  EXPECT_THAT(titles(table), ElementsAre("|method", "news-ppl|perplexity", "decode|", "|fit"));
}

/// Two models, two methods at two sparsities and dense; the small model is worse throughout.
std::vector<ResultRow> two_models() {
  std::vector<ResultRow> rows;
  for (const auto& [model, base] : {std::pair{"small", 40.0}, std::pair{"large", 10.0}}) {
    for (const auto& [method, sparsity, factor] :
         {std::tuple{"dense", "", 1.0}, std::tuple{"wanda", "0.5", 1.2},
          std::tuple{"magnitude", "0.5", 1.9}, std::tuple{"wanda", "0.7", 3.0},
          std::tuple{"magnitude", "0.7", 2.0}}) {
      ResultRow row;
      row.model = model;
      row.method = method;
      row.params = *sparsity ? fmt::format(R"({{"sparsity":{}}})", sparsity) : "{}";
      row.suite_params = "{}";
      row.suite = "ppl";
      row.profile = "cpu";
      row.status = "OK";
      row.metric = "token_ppl";
      row.direction = -1;
      row.basis = Basis::kExact;  // compared as they stand
      row.value = base * factor;
      row.cell_key = row.model + row.method + sparsity;
      rows.push_back(row);
    }
  }
  return rows;
}

std::vector<double> best_of(const std::vector<std::string>& group_by,
                            const std::vector<std::string>& pivot) {
  Layout layout;
  layout.group_by = group_by;
  layout.pivot = pivot;
  Notes notes;
  std::vector<double> best;
  for (const auto& row : layout_table(two_models(), layout, notes).rows) {
    for (const TableCell& cell : row) {
      if (cell.best) best.push_back(*cell.value);
    }
  }
  std::sort(best.begin(), best.end());
  return best;
}

TEST(Layouts, BestIsTheBestMethodOfAModelWhereverTheMethodsStand) {
  const auto each = ElementsAre(12, 20, 48, 80);  // by model and sparsity
  EXPECT_THAT(best_of({"model", "method"}, {"params.sparsity"}), each);
  EXPECT_THAT(best_of({"params.sparsity", "method"}, {"model"}), each);
  EXPECT_THAT(best_of({"model", "params.sparsity"}, {"method"}), each);
  EXPECT_THAT(best_of({"setting"}, {"model"}), ElementsAre(12, 48))
      << "settings compete where they are what differs";
  EXPECT_THAT(best_of({"model"}, {"setting"}), ElementsAre(12, 48));
}

TEST(Layouts, WhatDiffersInMoreThanTheMethodDoesNotCompete) {
  Layout layout;
  layout.group_by = {"method"};
  layout.pivot = {"model"};
  const auto best = [&](const std::vector<ResultRow>& rows) {
    Notes notes;
    std::size_t marked = 0;
    for (const auto& row : layout_table(rows, layout, notes).rows) {
      marked += static_cast<std::size_t>(
          std::count_if(row.begin(), row.end(), [](const TableCell& cell) { return cell.best; }));
    }
    return marked;
  };
  std::vector<ResultRow> rows = rows_where(two_models(), {"model=small", "params.sparsity=0.5"});
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(best(rows), 1U);
  std::vector<ResultRow> other_suite = rows, other_sparsity = rows, other_convention = rows;
  other_suite[0].suite = "other-ppl";
  other_sparsity[0].params = R"({"sparsity":0.7})";
  other_convention[0].convention = "other windows";
  EXPECT_EQ(best(other_suite), 0U);
  EXPECT_EQ(best(other_sparsity), 0U);
  EXPECT_EQ(best(other_convention), 0U);
}

TEST(Layouts, UnknownNamesAreRefused) {
  Notes notes;
  Layout layout;
  layout.group_by = {"methd"};
  EXPECT_THAT(message([&] { (void)layout_table(usual().rows, layout, notes); }),
              HasSubstr("did you mean 'method'?"));
  layout.group_by.clear();
  layout.columns = {"token_pl"};
  EXPECT_THAT(message([&] { (void)layout_table(usual().rows, layout, notes); }),
              HasSubstr("did you mean 'token_ppl'?"));
  EXPECT_TRUE(layout_table({}, layout, notes).rows.empty());
}

}  // namespace
}  // namespace assay
