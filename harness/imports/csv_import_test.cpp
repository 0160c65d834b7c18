// Results out of a file: what is read, what is refused, and that nothing is compared with them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/imports/import.h"
#include "harness/store/report_records.h"
#include "harness/store/store_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ImportTest : public ::testing::Test {
 protected:
  ImportCounts read(const std::string& text, const std::string& experiment = "published") {
    write_file_atomically(file(), text);
    return store_import(store_, read_import(file()), experiment);
  }
  std::string problems(const std::string& text) {
    try {
      (void)read(text);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  std::filesystem::path file() const { return folder_.path() / "p.csv"; }
  TemporaryFolder folder_;
  Store store_ = Store::open(folder_.path() / "r.db");
};

TEST_F(ImportTest, ReadsValuesAndKeepsGaps) {
  const ImportCounts counts = read(
      "model,method,params.strength,suite,metric,direction,value\n"
      "vgg,dense,,cifar,acc,1,0.9\n"
      "vgg,prune,2,cifar,acc,1,0.8\n"
      "vgg,prune,4,cifar,acc,1,\n");
  EXPECT_EQ(counts.cells, 3U);
  EXPECT_EQ(counts.values, 2U);
  EXPECT_EQ(counts.gaps, 1U);
  const auto rows = store_.results("published");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].value, 0.9);
  EXPECT_EQ(rows[1].params, R"({"strength":2})");
  EXPECT_FALSE(rows[2].value) << "a gap stays one";
  EXPECT_EQ(rows[2].reason, "no value in the file");
  for (const ResultRow& row : rows) {
    EXPECT_EQ(row.profile, "imported");
    EXPECT_THAT(row.convention, HasSubstr("imported from p.csv"));
    EXPECT_FALSE(row.ratio) << "no twin";
  }
}

TEST_F(ImportTest, IsNeverATwinOfWhatWasMeasured) {
  (void)read(
      "model,method,suite,metric,unit,direction,value\ntiny,dense,news-ppl,token_ppl,,-1,5\n");
  const PlannedCell dense = make_cell(0, "dense", "news-ppl");
  const PlannedCell wanda = make_cell(1, "wanda", "news-ppl", &dense);
  const auto id = store_.add_experiment("measured", {{"title", "m"}}, 0, false, {dense, wanda});
  run_cell(store_, id, wanda, "s", "score", reply_with("token_ppl", 20));
  for (const ResultRow& row : store_.results("measured")) EXPECT_FALSE(row.ratio);
}

TEST_F(ImportTest, TheSameFileAgainChangesNothing) {
  const std::string text = "model,method,suite,metric,value\nm,a,s,acc,1\n";
  (void)read(text);
  (void)read(text);
  EXPECT_EQ(store_.results("published").size(), 1U);
  EXPECT_EQ(store_.history("acc").size(), 1U);
}

TEST_F(ImportTest, StatusesAreKept) {
  (void)read("model,method,suite,metric,value,status,reason\nm,a,s,,,OOM,\"80 GB, all of it\"\n");
  const auto rows = store_.results("published");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].status, "OOM");
  EXPECT_EQ(rows[0].reason, "80 GB, all of it");
}

TEST_F(ImportTest, SaysAllThatIsWrongAndStoresNothing) {
  const std::string text = problems(
      "model,method,suite,metric,value,status\n"
      "m,a,s,acc,high,\n"
      "m,,s,acc,1,\n"
      "m,b,s,acc,1\n"
      "m,c,s,acc,nan,\n"
      "m,d,s,acc,1,BROKEN\n"
      "m,e,s,acc,1,\n"
      "m,e,s,acc,2,\n");
  EXPECT_THAT(text, AllOf(HasSubstr(":2: value = 'high' is not a finite number"),
                          HasSubstr(":3: method is empty"), HasSubstr(":4: 5 fields"),
                          HasSubstr(":5: value = 'nan'"), HasSubstr(":6: unknown status 'BROKEN'"),
                          HasSubstr(":8: repeats acc of the same cell (line 7)")));
  EXPECT_TRUE(store_.experiments().empty());
}

TEST_F(ImportTest, RefusesWhatNoMeasurementCanSay) {
  const std::string head = "model,method,suite,metric,value,lo,hi,n,seed,unit\n";
  for (const auto& [line, reason] : std::map<std::string, std::string>{
           {"m,a,s,acc,0.5,0.9,0.1,,,", "does not hold the value"},
           {"m,a,s,acc,0.5,0.6,0.9,,,", "does not hold the value"},
           {"m,a,s,acc,0.5,0.4,,,,", "needs both lo and hi"},
           {"m,a,s,acc,1.7,,,,,", "value is 1.7; allowed: 0 to 1"},
           {"m,a,s,acc,101,,,,,%", "value is 101; allowed: 0 to 100"},
           {"m,a,s,acc,0.5,,,-1,,", "n = '-1'; allowed: whole numbers from 0 to 1000000000000000"},
           {"m,a,s,acc,0.5,,,,-1,", "seed = '-1'; allowed: whole numbers from 0"},
           {"m,a,s,,0.5,,,,,", "a value without a metric"},
           {"m,a,s,a\xFF,0.5,,,,,", "not UTF-8"}}) {
    EXPECT_THAT(problems(head + line + "\n"), HasSubstr(reason)) << line;
  }
  EXPECT_EQ(problems(head + "m,a,s,acc,71.5,70,73,,,%\n"), "");
}

TEST_F(ImportTest, RefusesUnknownColumns) {
  EXPECT_THAT(problems("model,metod,suite,metric,value\n"),
              AllOf(HasSubstr("did you mean 'method'?"), HasSubstr("no column 'method'")));
  EXPECT_THAT(problems(""), HasSubstr("is empty"));
  EXPECT_THAT(problems("model,method,suite,metric,value\n\"m,a,s,acc,1\n"),
              HasSubstr("has no end"));
}

TEST_F(ImportTest, ReadsTheTruthValuesOfSpreadsheets) {
  const std::string head = "model,method,suite,metric,value,random_weights,limited\n";
  for (const auto& [word, truth] : std::map<std::string, bool>{{"TRUE", true},
                                                               {"yes", true},
                                                               {"1", true},
                                                               {"False", false},
                                                               {"NO", false},
                                                               {"0", false},
                                                               {"", false}}) {
    EXPECT_EQ(problems(head + "m,a,s,acc,0.5," + word + "," + word + "\n"), "") << word;
    const auto rows = store_.results("published");
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].random_weights, truth) << word;
    EXPECT_EQ(rows[0].limited, truth) << word;
  }
  EXPECT_THAT(problems(head + "m,a,s,acc,0.5,maybe,\n"),
              HasSubstr(":2: random_weights = 'maybe'; allowed: true, yes, 1, false, no, 0"));
}

TEST_F(ImportTest, NumbersAreWholeTextsInTheirRanges) {
  const std::string head = "model,method,suite,metric,value,lo,hi,n,seed,direction\n";
  for (const auto& [line, reason] : std::map<std::string, std::string>{
           {"m,a,s,acc,0.5x,,,,,", "value = '0.5x' is not a finite number"},
           {"m,a,s,acc,1e999,,,,,", "value = '1e999' is not a finite number"},
           {"m,a,s,acc,-inf,,,,,", "value = '-inf' is not a finite number"},
           {"m,a,s,acc,0x1,,,,,", "value = '0x1' is not a finite number"},
           {"m,a,s,acc,0.5,,,1.5,,", "n = '1.5'; allowed: whole numbers from 0"},
           {"m,a,s,acc,0.5,,,1e300,,", "n = '1e300'; allowed"},
           {"m,a,s,acc,0.5,,,,18446744073709551616,", "seed = '18446744073709551616'; allowed"},
           {"m,a,s,acc,0.5,,,,,4294967297",
            "direction = '4294967297'; allowed: whole numbers "
            "from -1 to 1"},
           {"m,a,s,acc,,0.9,0.1,,,", "an interval without a value"}}) {
    EXPECT_THAT(problems(head + line + "\n"), HasSubstr(reason)) << line;
  }
}

TEST_F(ImportTest, SaysTheLineBehindAQuotedLineFeed) {
  EXPECT_THAT(problems("model,method,suite,metric,value,reason\n"
                       "m,a,s,acc,1,\"two\nlines\"\nm,b,s,acc,high,\n"),
              HasSubstr("p.csv:4: value = 'high'"));
}

TEST_F(ImportTest, ParametersNestedBeyondMeaningAreNone) {
  const std::string deep(100'000, '[');
  EXPECT_THAT(problems("model,method,params,suite,metric,value\nm,a," + deep + ",s,acc,1\n"),
              AllOf(HasSubstr(":2: params is not a JSON object"), HasSubstr("…")));
}

TEST_F(ImportTest, AThousandProblemsAreToldAsAHundred) {
  std::string text = "model,method,suite,metric,value\n";
  for (int i = 0; i < 100'000; ++i) text += "m,a,s,acc,high\n";
  const std::string told = problems(text);
  EXPECT_LT(told.size(), 20'000U);
  EXPECT_THAT(told, HasSubstr("and more; these first"));
}

TEST_F(ImportTest, OneTagHasOneMeaning) {
  EXPECT_THAT(problems("model,method,suite,metric,value,unit\nm,a,s,t,1,s\nm,b,s,t,1,ms\n"),
              HasSubstr(":3: t has another unit"));
}

}  // namespace
}  // namespace assay
