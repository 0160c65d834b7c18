// What is said beside a result is seen beside it, in every format.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "reports/layout.h"
#include "reports/remark_notes.h"
#include "reports/report_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

/// Two cells share a remark about their data, one has two of its own and no interval.
ExperimentResults remarked() {
  ExperimentResults results = usual();
  const auto add = [&](const std::string& key, const std::string& code, const std::string& text,
                       std::int64_t processes) {
    results.remarks.push_back({key, "warning", code, text, processes, 5});
  };
  for (const char* key : {"densenews-ppl", "wandanews-ppl"}) {
    add(key, "data_altered", "differs from the pinned content", 1);
  }
  add("wandadecode", "not_steady", "the later half took 12 % longer", 2);
  for (ResultRow& row : results.rows) {
    if (row.method != "wanda" || row.metric != "decode/token_latency") continue;
    row.no_interval =
        "3 processes, spread 2.1x: not enough for an interval; processes_per_arm = 12";
  }
  return results;
}

std::string wide(const std::string& format) {
  RenderOptions options;
  options.width = 2000;
  return render(remarked(), format, options);
}

TEST(Remarks, EqualTextsAreOneNote) {
  const Document document = make_document(remarked());
  const auto count = [&](const std::string& text) {
    return std::ranges::count_if(document.notes, [&](const std::string& note) {
      return note.find(text) != std::string::npos;
    });
  };
  EXPECT_EQ(count("differs from the pinned content"), 1);
  EXPECT_EQ(count("not_steady: the later half took 12 % longer (in 2 of 5 processes)"), 1);
  EXPECT_EQ(count("no_interval: 3 processes"), 1);
}

TEST(Remarks, OfProcessesThatDifferInNumbersAreOneNoteWithRanges) {
  ExperimentResults results = remarked();
  results.remarks.push_back(
      {"densedecode", "warning", "not_steady", "the later half took 7.5 % longer", 3, 5});
  // What was measured is another thing with another number.
  results.remarks.push_back({"densedecode", "warning", "data_altered", "row 1 of 7", 5, 5});
  results.remarks.push_back({"wandadecode", "warning", "data_altered", "row 2 of 7", 5, 5});
  const std::vector<std::string> notes = make_document(results).notes;
  EXPECT_THAT(notes, IsSupersetOf({"not_steady: the later half took 7.5 to 12 % longer (in 2 to 3 "
                                   "of 5 processes)",
                                   "data_altered: row 1 of 7", "data_altered: row 2 of 7"}));
  EXPECT_EQ(std::ranges::count_if(
                notes, [](const std::string& note) { return note.starts_with("not_steady"); }),
            1);
}

TEST(Remarks, EveryValueOfATouchedCellIsMarkedInEveryTable) {
  const ExperimentResults results = remarked();
  const Document document = make_document(results, Detail::kAll);
  const Notes known{RemarkIndex(results.remarks)};
  ASSERT_FALSE(document.tables.empty());
  std::size_t marked = 0;
  for (const Table& table : document.tables) {
    for (const auto& row : table.rows) {
      const bool wanda = row[0].text.starts_with("wanda");
      for (std::size_t i = 1; i < row.size(); ++i) {
        if (row[i].kind != TableCell::Kind::kValue) continue;
        const std::string& group = table.columns[i].group;
        const bool touched =
            (wanda || row[0].text == "dense") ? group == "news-ppl" || wanda : false;
        EXPECT_EQ(!row[i].notes.empty(), touched) << row[0].text << " " << group;
        marked += row[i].notes.empty() ? 0 : 1;
      }
    }
  }
  EXPECT_GT(marked, 6U);
}

TEST(Remarks, FormatsForPeopleShowMarksAndNotes) {
  EXPECT_THAT(wide("terminal"),
              AllOf(HasSubstr("[1] data_altered: differs from the pinned content"),
                    HasSubstr("17.84 ±0.63       [1]"), HasSubstr("processes_per_arm = 12")));
  EXPECT_THAT(wide("md"), AllOf(HasSubstr("1. data_altered: differs"), HasSubstr(R"(\[1\])")));
  EXPECT_THAT(wide("tex"), AllOf(HasSubstr("\\textsuperscript{1}"), HasSubstr("data\\_altered")));
  EXPECT_THAT(wide("html"),
              AllOf(HasSubstr(R"(aria-label="note 1">1</a>)"), HasSubstr("data_altered: differs"),
                    HasSubstr("<th scope=\"col\" class=\"label\">remarks</th>")));
}

TEST(Remarks, FormatsForProgramsHaveCodesAndTexts) {
  const Json json = Json::parse(wide("json"));
  std::size_t said = 0;
  for (const Json& one : json["experiments"][0]["results"]) {
    const bool touched =
        one["suite"] == "news-ppl" && (one["method"] == "dense" || one["method"] == "wanda");
    const bool has = std::ranges::any_of(one["remarks"], [](const Json& remark) {
      return remark["code"] == "data_altered" &&
             remark["text"] == "differs from the pinned content";
    });
    EXPECT_EQ(has, touched) << one.dump();
    said += one["remarks"].size();
  }
  EXPECT_GT(said, 10U);
  EXPECT_THAT(
      wide("csv"),
      HasSubstr(R"("[{""code"":""data_altered"",""text"":""differs from the pinned content""}]")"));
  EXPECT_THAT(
      wide("junit"),
      AllOf(HasSubstr("<system-out>data_altered: differs from the pinned content</system-out>"),
            HasSubstr("decode/token_latency: 3 processes, spread 2.1x")));
}

TEST(Remarks, AFailedCellKeepsItsReasonAndItsRemarks) {
  ExperimentResults results = all_failed();
  results.remarks.push_back({"densedecode", "warning", "machine_quota", "half a core", 1, 1});
  const Document document = make_document(results);
  const TableCell& cell = document.tables.front().rows.front()[1];
  EXPECT_EQ(cell.text, "TIMEOUT");
  EXPECT_EQ(cell.notes.size(), 2U);
  EXPECT_THAT(render(results, "junit"),
              HasSubstr("<system-out>machine_quota: half a core</system-out>"));
}

TEST(Remarks, BenchmarksCarryALabel) {
  ExperimentResults results = remarked();
  results.timings = {{"wandadecode", "decode/token_latency", "s", {{0, 0, {}, {0.03}}}}};
  const Json document = Json::parse(render(results, "benchmark"));
  EXPECT_THAT(document["benchmarks"][0]["label"].get<std::string>(),
              AllOf(HasSubstr("not_steady"), HasSubstr("no_interval")));
}

TEST(Remarks, LayoutsMarkTheirValuesToo) {
  Layout layout;
  layout.columns = {"token_ppl"};
  Notes notes{RemarkIndex(remarked().remarks)};
  const Table table = layout_table(remarked().rows, layout, notes);
  std::size_t marked = 0;
  for (const auto& row : table.rows) marked += row[1].notes.empty() ? 0 : 1;
  EXPECT_GE(marked, 4U) << "dense and three settings of wanda";
  EXPECT_THAT(notes.list(), testing::Contains("data_altered: differs from the pinned content"));
}

TEST(Remarks, PicturesKnowWhatIsSaidOfTheirPoints) {
  const Document document = make_document(remarked(), Detail::kAll);
  bool found = false;
  for (const Section& section : document.sections) {
    for (const Plot& plot : section.plots) {
      for (const PlotSeries& series : plot.series) {
        for (const PlotPoint& point : series.points) {
          found = found || point.remarks.find("not_steady") != std::string::npos;
        }
      }
    }
  }
  EXPECT_TRUE(found);
}

TEST(Remarks, HostileTextsBreakNothing) {
  ExperimentResults results = hostile();
  const std::string& name = results.name;
  results.remarks.push_back({name, "warning", name, name, 1, 1});
  for (const char* format : {"terminal", "md", "tex", "html", "json", "junit", "benchmark"}) {
    const std::string text = render(results, format);
    EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << format;
    if (std::string(format) == "html" || std::string(format) == "junit") {
      EXPECT_THAT(text, Not(HasSubstr("</script>{"))) << format;
    }
  }
  EXPECT_TRUE(Json::accept(render(results, "json")));
}

}  // namespace
}  // namespace assay
