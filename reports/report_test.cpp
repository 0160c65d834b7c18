// Renderers on made-up results: approved outputs, and what must hold for any input.
// ASSAY_APPROVE=1 rewrites tests/data/reports/; read the difference before committing it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "harness/base/display.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/store/store_fixture.h"
#include "reports/document.h"
#include "reports/format.h"
#include "reports/report_fixture.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// Without the first part of the text from `start` to the end of `end`.
std::string without(std::string text, const std::string& start, const std::string& end) {
  const std::size_t at = text.find(start);
  if (at == std::string::npos) return text;
  return text.erase(at, text.find(end, at) + end.size() - at);
}

/// A build with and without the plotting library have one approved output.
std::string without_library(const std::string& text) {
  const std::string page =
      without(text, "<script type=\"text/plain\" id=\"plotly-source\">", "</script>\n");
  return without(page, "<p class=\"warning\" role=\"note\">This build of assay has no", "</p>\n");
}

/// What the page's own style and program say is not approved a second time.
std::string without_page_files(std::string text) {
  text = without_library(text);
  for (const auto& [start, end] :
       {std::pair{"<style>\n", "</style>"}, {"<script>\n", "</script>"}}) {
    const std::size_t at = text.find(start);
    if (at == std::string::npos) continue;
    const std::size_t first = at + std::string(start).size();
    text.erase(first, text.find(end, first) - first);
  }
  return text;
}

void expect_approved(const std::string& name, const std::string& whole) {
  const std::string text = without_page_files(whole);
  const auto path = source_dir() / "tests/data/reports" / name;
  if (!environment_or("ASSAY_APPROVE", "").empty()) write_file_atomically(path, text);
  const auto got = lines_of(text);
  const auto wanted = lines_of(read_text_file(path));
  const auto [a, b] = std::mismatch(got.begin(), got.end(), wanted.begin(), wanted.end());
  EXPECT_TRUE(a == got.end() && b == wanted.end())
      << path << " has another line " << a - got.begin() + 1
      << "\n  got:    " << (a == got.end() ? "(end)" : *a)
      << "\n  wanted: " << (b == wanted.end() ? "(end)" : *b);
}

/// An independent reader of RFC 4180.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> records(1);
  records.back().emplace_back();
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char letter = text[i];
    if (quoted && letter == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      records.back().back() += text[++i];
    } else if (letter == '"') {
      quoted = !quoted;
    } else if (!quoted && letter == ',') {
      records.back().emplace_back();
    } else if (!quoted && letter == '\r') {
      records.push_back({""});
      ++i;
    } else {
      records.back().back() += letter;
    }
  }
  records.pop_back();
  return records;
}

TEST(Reports, AllFormatsMatchTheirApprovedOutputs) {
  FormatRegistry registry;
  register_report_formats(registry);
  for (const std::string& format : registry.names()) {
    expect_approved("usual." + format, render(usual(), format));
    expect_approved("hostile." + format, render(hostile(), format));
    expect_approved("one." + format, render(one_row(), format));
    expect_approved("failed." + format, render(all_failed(), format));
    expect_approved(
        "empty." + format,
        render({.name = "empty", .config = {}, .rows = {}, .environments = {}}, format));
    expect_approved("nothing." + format, registry.get(format).render({}, {}));
  }
  expect_approved("usual-72-colour.terminal", render(usual(), "terminal", {72, true}));
}

TEST(Reports, FormatsAreFound) {
  EXPECT_THAT(report_formats(), testing::IsSupersetOf({"benchmark", "csv", "html", "json", "junit",
                                                       "md", "terminal", "tex"}));
  FormatRegistry registry;
  register_report_formats(registry);
  EXPECT_THROW((void)registry.get("jsno"), UserError);
}

TEST(Reports, TerminalFitsEveryWidth) {
  for (int width = 40; width <= 200; width += 7) {
    for (const ExperimentResults& results : {usual(), hostile(), all_failed()}) {
      for (const std::string& line : lines_of(render(results, "terminal", {width, false}))) {
        EXPECT_LE(display_width(line), static_cast<std::size_t>(width)) << line;
      }
    }
  }
}

TEST(Reports, NothingReachesTheTerminalAsAnEscapeSequence) {
  EXPECT_THAT(render(hostile(), "terminal"), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render(hostile(), "md"), Not(HasSubstr("\x1b")));
  EXPECT_THAT(render(usual(), "terminal", {80, true}), HasSubstr("\x1b[38;5;166m"));
}

TEST(Reports, MarkdownRowsHaveAsManyCellsAsTheHeader) {
  for (const ExperimentResults& results : {usual(), hostile(), all_failed()}) {
    std::size_t header = 0;
    for (const std::string& line : lines_of(render(results, "md"))) {
      if (line.empty() || line[0] != '|') {
        header = 0;
        continue;
      }
      std::size_t pipes = 0;
      for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\') {
          ++i;
        } else if (line[i] == '|') {
          ++pipes;
        }
      }
      if (header == 0) header = pipes;
      EXPECT_EQ(pipes, header) << line;
    }
  }
}

TEST(Reports, CsvReadsBackExactly) {
  for (const ExperimentResults& results : {usual(), hostile(), all_failed()}) {
    const auto records = parse_csv(render(results, "csv"));
    ASSERT_EQ(records.size(), results.rows.size() + 1);
    for (std::size_t i = 0; i < results.rows.size(); ++i) {
      ASSERT_EQ(records[i + 1].size(), records[0].size());
      EXPECT_EQ(records[i + 1][2], results.rows[i].method);
      EXPECT_EQ(records[i + 1][3], results.rows[i].params);
      const auto& value = results.rows[i].value;
      if (!value || !std::isfinite(*value)) continue;
      EXPECT_EQ(std::stod(records[i + 1][14]), *value);
    }
  }
}

TEST(Reports, JsonIsStrictAndComplete) {
  const Json document = Json::parse(render(hostile(), "json"));
  const Json& records = document.at("experiments").at(0).at("results");
  ASSERT_EQ(records.size(), 3U);
  EXPECT_TRUE(records.at(1).at("value").is_null()) << "infinity is not JSON";
  EXPECT_EQ(records.at(0).at("params").at("p|q"), "x,\"y\"\n");
  EXPECT_EQ(records.at(2).at("status"), "INVALID");
  EXPECT_EQ(document.at("schema_version"), 1);
}

TEST(Reports, FailuresAreWordsAndLimitsAreMarked) {
  for (const char* format : {"terminal", "md"}) {
    const std::string text = render(usual(), format);
    for (const char* word :
         {"UNMET", "OOM", "CRASHED", "LIMITED RUN", "needs ffn.gated", "wanda 2:4", "wanda 70%"}) {
      EXPECT_THAT(text, HasSubstr(word)) << format;
    }
    EXPECT_THAT(text, Not(HasSubstr("2026-01-01"))) << "a report holds no time stamps";
    EXPECT_THAT(render(all_failed(), format), HasSubstr("random weights"));
  }
}

TEST(Reports, AreAPureFunctionOfTheDatabase) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "results.db";
  {
    Store store = Store::open(path);
    const PlannedCell dense = make_cell(0, "dense", "news-ppl");
    store.add_experiment("stored", {{"title", "From a file"}}, 0, true, {dense});
    const std::int64_t id = store.add_experiment("later", {{"title", "Second"}}, 0, false, {dense});
    store.finish_attempt(store.begin_attempt(id, dense.key, "session"),
                         {Outcome::kOom, "memory_limit", "limit 2 GiB"});
  }
  const Store store = Store::open_read_only(path);
  const std::string text = render_report(store, "", "terminal", {});
  EXPECT_EQ(text, render_report(store, "", "terminal", {}));
  EXPECT_THAT(text, AllOf(HasSubstr("From a file"), HasSubstr("Second"), HasSubstr("OOM"),
                          HasSubstr("limit 2 GiB")));
  EXPECT_THAT(render_report(store, "later", "md", {}), Not(HasSubstr("From a file")));
  EXPECT_THROW(render_report(store, "latr", "md", {}), UserError);
  EXPECT_THROW(render_report(store, "later", "markdwn", {}), UserError);
}

TEST(Reports, EveryCellSaysSomething) {
  for (const Table& table : make_document(usual()).tables) {
    for (const auto& cells : table.rows) {
      ASSERT_EQ(cells.size(), table.columns.size());
      for (const TableCell& cell : cells) {
        EXPECT_EQ(cell.kind == TableCell::Kind::kValue, cell.value.has_value());
        EXPECT_EQ(cell.kind == TableCell::Kind::kStatus, !cell.notes.empty()) << cell.text;
      }
    }
  }
}

}  // namespace
}  // namespace assay
