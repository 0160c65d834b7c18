// `assay report`, `history` and `import` from the command line.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSuites = "[[suite]]\nid = \"letters-ppl\"\n[[suite]]\nid = \"decode\"\n";
constexpr const char* kMethod = "[[method]]\nid = \"pretend\"\nends = \"well\"\n";
constexpr const char* kReport =
    "[[report]]\nname = \"speed\"\ntitle = \"How fast\"\nwhere = [\"suite=decode\"]\n"
    "group_by = [\"method\"]\n";

TEST(Report, ALayoutChangesNoCell) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  world.write("e.toml", experiment_text(kMethod, kSuites) + kReport);
  const CommandOutput again = world.run({"run", "e.toml"});
  EXPECT_EQ(again.code, 0);
  EXPECT_THAT(again.err, HasSubstr("4 of them stored before; 0 artefacts fitted"));
  const CommandOutput table = world.run({"report", "results.db", "--layout", "speed"});
  EXPECT_THAT(table.out,
              AllOf(HasSubstr("How fast"), HasSubstr("pretend"), Not(HasSubstr("letters-ppl"))));
  const CommandOutput wrong = world.run({"report", "results.db", "--layout", "sped"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("unknown layout 'sped'; did you mean 'speed'?"));
}

TEST(Report, WritesAFolderWithEveryTable) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites) + kReport);
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  const CommandOutput written =
      world.run({"report", "results.db", "--format", "tex", "-o", "out/"});
  EXPECT_EQ(written.code, 0) << written.err;
  EXPECT_THAT(read_text_file(world / "out/speed.tex"), HasSubstr("How fast"));
  EXPECT_TRUE(fs::exists(world / "out/report.tex"));
  ASSERT_EQ(world.run({"report", "results.db", "-o", "page.html"}).code, 0);
  ASSERT_EQ(world.run({"report", "results.db", "-o", "again.html"}).code, 0);
  const std::string page = read_text_file(world / "page.html");
  EXPECT_THAT(page, AllOf(HasSubstr("<!DOCTYPE html>"), HasSubstr("How fast"),
                          HasSubstr("Raw times in the order of the run")));
  EXPECT_EQ(page, read_text_file(world / "again.html"));
}

TEST(Report, TablesOnDemand) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  const CommandOutput table =
      world.run({"report", "results.db", "--where", "method=dense", "--group-by", "suite",
                 "--columns", "token_ppl,decode/*", "--format", "csv"});
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("dense"), Not(HasSubstr("pretend"))));
  const CommandOutput wrong = world.run({"report", "results.db", "--group-by", "sute"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("did you mean 'suite'?"));
  EXPECT_EQ(world.run({"report", "results.db", "--layout", "x", "--where", "a=b"}).code, 2);
}

TEST(Report, ImportedRowsAreMarkedEverywhere) {
  const CliWorld world;
  world.write(
      "pub.csv",
      "model,method,params.strength,suite,metric,direction,value\n"
      "vgg,dense,,cifar,acc,1,0.93\nvgg,prune,2,cifar,acc,1,0.92\nvgg,prune,8,cifar,acc,1,\n");
  const CommandOutput done = world.run({"import", "pub.csv", "--db", "i.db"});
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("pub: 3 cells with 2 values and 1 gaps"));
  for (const char* format : {"terminal", "md", "tex", "html"}) {
    const std::string text = world.run({"report", "i.db", "--format", format}).out;
    EXPECT_THAT(text, AllOf(HasSubstr("IMPORTED"), HasSubstr("NOT MEASURED"))) << format;
  }
  world.write("bad.csv", "model,method\n");
  EXPECT_EQ(world.run({"import", "bad.csv", "--db", "i.db"}).code, 2);
  EXPECT_EQ(world.run({"import", "none.csv", "--db", "i.db"}).code, 2);
}

struct Published {
  std::string model;
  std::optional<double> accuracy, compression;
};

/// What surveys of pruning look like: many papers and networks, odd names, a third of it missing.
std::vector<Published> survey() {
  std::mt19937 random(5);
  std::vector<Published> rows;
  for (int i = 0; i < 551; ++i) {
    const auto value = [&](double least, double most) {
      const double drawn = std::uniform_real_distribution(least, most)(random);
      return random() % 3 == 0 ? std::nullopt : std::optional(drawn);
    };
    rows.push_back({fmt::format("net {}\"?", random() % 5), value(0.4, 0.9), value(1, 20)});
  }
  return rows;
}

std::string import_text(const std::vector<Published>& rows) {
  std::string text = "model,method,params.row,suite,metric,direction,unit,value\n";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::string model = rows[i].model;
    model.insert(model.find('"'), "\"");
    const auto line = [&](const char* rest, const std::optional<double>& value) {
      text += fmt::format("\"{}\",\"paper, {}\",{},{},{}\n", model, i % 81, i, rest,
                          value ? fmt::format("{}", *value) : "");
    };
    line("images,acc,1,", rows[i].accuracy);
    line("size,compression,1,x", rows[i].compression);
  }
  return text;
}

/// Points of a model that no other one of it beats, and how many have both values.
std::pair<std::set<double>, std::size_t> front_of(const std::vector<Published>& rows,
                                                  const std::string& model) {
  std::vector<const Published*> both;
  for (const Published& row : rows) {
    if (row.model == model && row.accuracy && row.compression) both.push_back(&row);
  }
  std::set<double> front;
  for (const Published* one : both) {
    const bool beaten = std::any_of(both.begin(), both.end(), [&](const Published* other) {
      return *other->accuracy > *one->accuracy && *other->compression > *one->compression;
    });
    if (!beaten) front.insert(*one->compression);
  }
  return {front, both.size()};
}

TEST(Report, HundredsOfPublishedResultsWithGapsKeepTheirGapsAndTheirFront) {
  const CliWorld world;
  const std::vector<Published> rows = survey();
  world.write("survey.csv", import_text(rows));
  const CommandOutput done = world.run({"import", "survey.csv", "--db", "s.db"});
  ASSERT_EQ(done.code, 0) << done.err;
  ASSERT_EQ(world.run({"report", "s.db", "-o", "s.html"}).code, 0);
  const std::string page = read_text_file(world / "s.html");
  const std::string start = "id=\"report-data\">";
  const std::size_t at = page.find(start) + start.size();
  const Json data = Json::parse(page.substr(at, page.find("</script>", at) - at));
  std::size_t values = 0, wanted = 0;
  for (const Json& row : data.at("values").at("rows")) values += row.size() > 2 ? 1 : 0;
  for (const Published& row : rows) wanted += (row.accuracy ? 1 : 0) + (row.compression ? 1 : 0);
  EXPECT_EQ(values, wanted) << "a gap is no value";
  ASSERT_EQ(data.at("plots").size(), 5U) << "one picture a network";
  for (const Json& plot : data.at("plots")) {
    const std::string title = plot.at("title");
    const std::size_t name = title.find("net ");
    const auto [front, both] = front_of(rows, title.substr(name, 7));
    std::size_t points = 0;
    for (const Json& series : plot.at("series")) {
      for (const Json& point : series.at("p")) {
        ++points;
        const bool marked = point.size() > 7;
        EXPECT_GE(point.at(1).get<double>(), 1);
        EXPECT_EQ(marked, std::any_of(front.begin(), front.end(),
                                      [&](double x) {
                                        return std::abs(x - point.at(1).get<double>()) < 1e-7;
                                      }))
            << title;
      }
    }
    EXPECT_EQ(points, both) << title;
  }
}

TEST(Report, ImportedRatiosHideNothingAndAreCounted) {
  const CliWorld world;
  world.write("pub.csv",
              "model,method,suite,metric,direction,unit,value\n"
              "m,a,gen,bleu,1,,30\nm,a,gen,speedup,1,x,2\n"
              "m,b,images,acc,1,,0.9\nm,b,size,ratio,1,x,3\n"
              "m,c,images,acc,1,,0.8\nm,c,size,ratio,1,x,4\n"
              "m,d,images,acc,1,,0.7\nm,e,size,ratio,1,x,5\nm,f,size,ratio,1,x,6\n"
              "m,f,decode,decode/tokens_per_s,1,x,2\n");
  ASSERT_EQ(world.run({"import", "pub.csv", "--db", "i.db"}).code, 0);
  EXPECT_THAT(world.run({"report", "i.db", "--format", "md"}).out,
              HasSubstr("| method | gen bleu ↑ | gen speedup x ↑ | images acc ↑ | size ratio x ↑ | "
                        "decode x ↑ |\n"))
      << "beside a suite's own metric, and each once";
  ASSERT_EQ(world.run({"report", "i.db", "-o", "i.html"}).code, 0);
  EXPECT_THAT(read_text_file(world / "i.html"), HasSubstr("2 of 5 have both values"));
}

TEST(History, ShowsBaselines) {
  const CliWorld world;
  world.write("e.toml", experiment_text(kMethod, kSuites));
  ASSERT_EQ(world.run({"run", "e.toml"}).code, 0);
  for (const char* commit : {"aaaa1111", "bbbb2222"}) {
    ASSERT_EQ(world.run({"baseline", "save", "main", "--commit", commit}).code, 0);
  }
  const CommandOutput history = world.run({"history", "token_ppl"});
  EXPECT_EQ(history.code, 0) << history.err;
  EXPECT_THAT(history.out, AllOf(HasSubstr("History of token_ppl"), HasSubstr("no step")));
  ASSERT_EQ(world.run({"history", "token_ppl", "-o", "h.html"}).code, 0);
  EXPECT_THAT(read_text_file(world / "h.html"), HasSubstr("aaaa1111"));
  EXPECT_EQ(world.run({"history", "tken_ppl"}).code, 2);
}

}  // namespace
}  // namespace assay
