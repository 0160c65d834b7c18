// Tables of a terminal: how wide they are, and that nothing of them is lost.

#include "reports/terminal_table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "harness/base/display.h"
#include "reports/report_fixture.h"
#include "reports/short_names.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::size_t widest(const std::string& text) {
  std::size_t width = 0;
  for (const std::string& line : lines_of(text)) width = std::max(width, display_width(line));
  return width;
}

/// Without spaces and line ends: what is left when folding is undone.
std::string squeezed(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c != ' ' && c != '\n') result += c;
  }
  return result;
}

struct Measured {
  const char* label;
  double ppl, ppl_lo, ppl_hi, rate, rate_lo, rate_hi, ratio;
  std::vector<std::size_t> notes;
};

TableCell label(const std::string& text) {
  TableCell cell;
  cell.kind = TableCell::Kind::kLabel;
  cell.text = text;
  return cell;
}

TableCell value(double value, double lo, double hi, std::optional<double> ratio,
                std::vector<std::size_t> notes, bool best = false) {
  TableCell cell;
  cell.kind = TableCell::Kind::kValue;
  cell.value = value;
  cell.lo = lo;
  cell.hi = hi;
  cell.ratio = ratio;
  cell.notes = std::move(notes);
  cell.best = best;
  return cell;
}

TableCell exact(double value, std::optional<double> ratio = {}, bool best = false) {
  TableCell cell;
  cell.kind = TableCell::Kind::kValue;
  cell.value = value;
  cell.ratio = ratio;
  cell.best = best;
  return cell;
}

/// What the quickstart printed on a machine of two cores: eight rows, eight metrics.
Table quickstart() {
  Table table;
  table.title = "smollm2-135m, profile cpu";
  table.columns = {{"", "method", ""},
                   {"news-ppl", "perplexity", "", -1},
                   {"decode", "", "tokens/s", 1},
                   {"decode", "first token", "s", -1},
                   {"decode", "per token", "s", -1},
                   {"decode", "peak memory", "B", -1},
                   {"", "weights", "B", -1},
                   {"", "zeros", ""},
                   {"", "fit", "s", -1}};
  const std::vector<Measured> rows = {
      {"dense", 29.41, 24.43, 35.40, 46.87, 40.57, 52.35, 1, {1}},
      {"wanda 50%", 60.66, 51.44, 71.53, 47.78, 42.62, 52.94, 1.02, {1}},
      {"wanda 2:4", 222.6, 196.5, 252.2, 46.93, 45.85, 48.46, 1.00, {}},
      {"sparsegpt 50%", 51.68, 43.72, 61.07, 48.47, 44.61, 51.54, 1.03, {2}},
      {"quantize algorithm=rtn bits=8", 29.47, 24.49, 35.47, 86.17, 77.86, 91.99, 1.84, {1}},
      {"quantize algorithm=gptq bits=4", 39.42, 32.64, 47.60, 94.25, 83.84, 104.66, 2.01, {1}},
      {"ffsplit", 64.95, 54.55, 77.33, 51.97, 47.90, 54.66, 1.11, {1}},
      {"teal 40%", 34.55, 28.54, 41.83, 66.92, 63.94, 70.32, 1.43, {}}};
  for (const Measured& row : rows) {
    const bool dense = std::string(row.label) == "dense";
    const auto ratio = [&](double r) { return dense ? std::nullopt : std::optional(r); };
    const double latency = 1 / row.rate, memory = 1.256 * 1024 * 1024 * 1024;
    table.rows.push_back(
        {label(row.label), value(row.ppl, row.ppl_lo, row.ppl_hi, ratio(row.ppl / 29.41), {}),
         value(row.rate, row.rate_lo, row.rate_hi, ratio(row.ratio), row.notes, row.ratio > 1.5),
         value(0.0693, 0.0663, 0.0727, ratio(0.98), row.notes, true),
         value(latency, 1 / row.rate_hi, 1 / row.rate_lo, ratio(1 / row.ratio), row.notes,
               row.ratio > 1.5),
         value(memory, memory * 0.99999, memory * 1.00001, ratio(1.0), row.notes, !dense),
         exact(513.1 * 1024 * 1024 / row.ratio, ratio(1 / row.ratio)),
         dense ? TableCell{} : exact(0.5), dense ? TableCell{} : exact(10.31 * row.ratio)});
  }
  return table;
}

std::size_t blocks_of(const std::string& text) {
  std::size_t heads = 0;
  for (const std::string& line : lines_of(text)) heads += line.starts_with("method") ? 1 : 0;
  return heads;
}

TEST(TerminalTable, TheQuickstartFitsAHundredColumns) {
  const std::string text = terminal_table(quickstart(), {});
  EXPECT_LE(widest(text), 100U) << text;
  EXPECT_EQ(blocks_of(text), 3U) << text;
  EXPECT_THAT(text, AllOf(HasSubstr("29.4 [24.4,35.4]"), HasSubstr("47.8 ±5.2        1.02x [1]"),
                          HasSubstr("•94 ±11"), HasSubstr("•1.256 ±0.001 1.00x"),
                          HasSubstr("quantize algorithm=gptq bits=4")));
}

TEST(TerminalTable, ShortLabelsComeWithALegendAndOnlyWhereTheySaveABlock) {
  RenderOptions options;
  options.width = 110;
  const std::string text = terminal_table(quickstart(), options);
  EXPECT_LE(widest(text), 110U) << text;
  EXPECT_EQ(blocks_of(text), 2U) << text;
  EXPECT_THAT(text, AllOf(HasSubstr("quantize rtn 8: quantize algorithm=rtn bits=8\n"),
                          HasSubstr("quantize gptq 4: quantize algorithm=gptq bits=4\n"),
                          Not(HasSubstr("dense: "))));
}

TEST(TerminalTable, WideHasTheWholeIntervalsAndLabels) {
  RenderOptions options;
  options.wide = true;
  options.width = 0;
  const std::string text = terminal_table(quickstart(), options);
  EXPECT_THAT(text,
              AllOf(HasSubstr("29.41 [24.43, 35.40]"), HasSubstr("47.78 ±5.16"),
                    HasSubstr("quantize algorithm=gptq bits=4  39.42"), Not(HasSubstr("gptq 4:"))));
  EXPECT_EQ(lines_of(text).size(), 3 + quickstart().rows.size() + 1) << "one block";
}

TEST(TerminalTable, ColumnsLineUpUnderTheirRule) {
  for (const int width : {60, 80, 100, 140}) {
    RenderOptions options;
    options.width = width;
    std::size_t rule = 0;
    for (const std::string& line : lines_of(terminal_table(quickstart(), options))) {
      if (line.starts_with("─")) rule = display_width(line);
      if (line.empty()) rule = 0;
      if (rule > 0) {
        EXPECT_LE(display_width(line), rule) << line;
      }
    }
  }
}

/// Wide characters, no spaces to fold at, several columns of labels, a metric with a long name.
Table awkward() {
  Table table;
  table.title = "";
  table.labels = 2;
  table.columns = {
      {"", "method", ""},
      {"", "model", ""},
      {"a_suite_with_a_name_of_its_own", "metric/of_something_long_without_end", "tokens/s", 1},
      {"漢字", "per token", "s", -1}};
  for (int i = 0; i < 3; ++i) {
    table.rows.push_back({label(fmt::format("方法漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字{}", i)),
                          label("a-model-with-a-very-long-name-and-no-spaces-in-it-at-all"),
                          value(123456.0 + i, 100000, 150000, 1.5, {1, 2, 3, 4, 5, 6, 7, 8}),
                          value(0.001, 0.0005, 0.01, 123.4, {})});
  }
  return table;
}

TEST(TerminalTable, EveryLineFitsAndNothingIsCut) {
  const Table table = awkward();
  RenderOptions unlimited;
  unlimited.width = 0;
  for (int width = 40; width <= 130; ++width) {
    RenderOptions options;
    options.width = width;
    const std::string text = terminal_table(table, options);
    EXPECT_LE(widest(text), static_cast<std::size_t>(width)) << text;
    EXPECT_THAT(text, Not(HasSubstr("…")));
  }
  // A single row in a single column can be put together again.
  Table one = table;
  one.rows.resize(1);
  one.labels = 1;
  one.columns = {table.columns[0], table.columns[2]};
  one.rows[0] = {table.rows[0][0], table.rows[0][2]};
  one.rows[0][0].text = "x";
  RenderOptions narrow;
  narrow.width = 40;
  EXPECT_THAT(squeezed(terminal_table(one, narrow)),
              HasSubstr("123000[100000,150000]1.50x[1][2][3][4][5][6][7][8]"));
}

TEST(TerminalTable, EveryBlockRepeatsAllLabels) {
  RenderOptions options;
  options.width = 80;
  Table table = awkward();
  for (auto& row : table.rows) row[0].text = row[1].text = "same";
  table.rows[1][1].text = "other";
  const std::vector<std::string> lines = lines_of(terminal_table(table, options));
  std::size_t rows = 0;
  for (const std::string& line : lines) rows += line.starts_with("same    other") ? 1 : 0;
  EXPECT_EQ(rows, 2U);
}

TEST(TerminalTable, OnlyStatusesAreVermilionAndTheWordsStay) {
  const std::string coloured = render(usual(), "terminal", {.width = 100, .colour = true});
  EXPECT_THAT(coloured, AllOf(HasSubstr("\x1b[38;5;166m"), HasSubstr("UNMET[1]\x1b[0m"),
                              Not(HasSubstr("\x1b[31m")), Not(HasSubstr("\x1b[33m"))));
  std::string plain;
  for (std::size_t i = 0; i < coloured.size();) {
    if (coloured[i] == '\x1b') {
      i = coloured.find('m', i) + 1;
    } else {
      plain += coloured[i++];
    }
  }
  EXPECT_EQ(plain, render(usual(), "terminal", {.width = 100, .colour = false}));
}

TEST(ShortNames, LeaveOutNamesOfParameters) {
  EXPECT_THAT(short_names({"dense", "quantize algorithm=gptq bits=4", "wanda 50% b.c=2"}),
              ElementsAre("dense", "quantize gptq 4", "wanda 50% 2"));
  EXPECT_THAT(short_names({"mux n=5 then cofi sparsity=0.6"}), ElementsAre("mux 5 then cofi 0.6"));
}

TEST(ShortNames, StayWholeWhereTheyWouldBeTakenForOthers) {
  EXPECT_THAT(short_names({"a x=1", "a y=1", "a z=2"}), ElementsAre("a x=1", "a y=1", "a 2"));
  EXPECT_THAT(short_names({"a 1", "a x=1"}), ElementsAre("a 1", "a x=1"));
  EXPECT_THAT(short_names({"a x=1", "a x=1"}), ElementsAre("a 1", "a 1")) << "the same twice";
  EXPECT_THAT(short_names({"p|q=x", "e=", "=e", "漢=1"}), ElementsAre("p|q=x", "e=", "=e", "漢=1"));
  EXPECT_THAT(shortened({"a x=1", "b", "a x=1"}, {"a 1", "b", "a 1"}),
              ElementsAre(testing::Pair("a 1", "a x=1")));
}

}  // namespace
}  // namespace assay
