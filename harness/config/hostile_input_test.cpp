// Files that ask for too much, or are built to exhaust who reads them: one message, at once.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/config/config_fixture.h"
#include "harness/config/method_setting.h"
#include "harness/config/toml_keys.h"
#include "harness/config/toml_reader.h"
#include "harness/config/toml_value.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class HostileInput : public testing::Test {
 protected:
  /// What is wrong, said in few words. That it is found before the test runs out of time is the
  /// point of most of these.
  [[nodiscard]] std::string refusal(const std::string& text) const {
    std::string said = share_.experiment_problems(text);
    EXPECT_LT(said.size(), 40'000U);
    return said;
  }
  [[nodiscard]] std::string more(const std::string& blocks) const {
    return refusal(kSmallExperiment + blocks);
  }
  [[nodiscard]] std::string profile(const std::string& lines) const {
    share_.write("hardware_profiles/odd.toml", "id = \"odd\"\nsummary = \"odd\"\n" + lines);
    return share_.catalogue_problems();
  }
  Share share_;
};

std::string numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += fmt::format("{}{}", i == 0 ? "" : ", ", i);
  return text;
}

TEST_F(HostileInput, AxesMultipliedBeyondTheLimitAreNotExpanded) {
  const std::string axis = "[" + numbers(1000) + "]";
  const std::string said = more(
      "[[method]]\nid = \"wanda\"\nsparsity = { from = 0, to = 0.999, step = 0.001 }\n"
      "calibration = { samples = { from = 1, to = 1000, step = 1 }, tokens = " +
      axis + " }\n");
  EXPECT_THAT(said, HasSubstr("x.toml:15:15: calibration of method 'wanda'"));
  EXPECT_THAT(said, HasSubstr("makes 1000 samples x 1000 tokens = 1000000 settings; allowed: at "
                              "most 100000"));
}

TEST_F(HostileInput, ABillionCellsAreRefusedInOneLine) {
  std::string text =
      "[experiment]\nname = \"x\"\nseeds = [" + numbers(1000) +
      "]\n[[model]]\nid = "
      "\"a\"\n[[method]]\nid = \"magnitude\"\nsparsity = { from = 0, to = 0.999, "
      "step = 0.001 }\n[[suite]]\nid = \"news-ppl\"\nwindow = { from = 2, to = 1001, "
      "step = 1 }\n";
  EXPECT_EQ(refusal(text),
            "x.toml: the experiment makes 1 models x 1000 methods x 1000 suites x 1 profiles x "
            "1000 seeds = 1000000000 cells; allowed: at most 100000");
}

TEST_F(HostileInput, ManyBlocksAndChainsAddUpToTheSameLimit) {
  std::string blocks;
  for (int i = 0; i < 150; ++i) {
    blocks += "[[method]]\nid = \"magnitude\"\nlayers = [" + std::to_string(i) +
              "]\nsparsity = { from = 0, to = 0.999, step = 0.001 }\n";
  }
  EXPECT_THAT(more(blocks), HasSubstr("makes 100001 settings of all methods"));
  const std::string link =
      "[[method.then]]\nid = \"magnitude\"\nsparsity = { from = 0, to = 0.999, step = 0.001 }\n";
  EXPECT_THAT(more("[[method]]\nid = \"magnitude\"\n" + link + link),
              HasSubstr("1000 chains before it x 1000 settings = 1000000 settings"));
}

TEST_F(HostileInput, LongArraysAreNotSearchedForRepeats) {
  EXPECT_THAT(
      more("[[method]]\nid = \"wanda\"\ncalibration = { tokens = [" + numbers(50'000) + "] }\n"),
      HasSubstr("tokens in calibration of method 'wanda' has 50000 values; allowed: at most "
                "10000"));
}

TEST_F(HostileInput, NumbersHaveRangesAndAreNotCut) {
  for (const auto& [line, allowed] : std::map<std::string, std::string>{
           {"[measure]\ntimeout_s = 9.3e9",
            "timeout_s = 9300000000.0 in [measure] is not allowed; "
            "give a number > 0 and <= 1000000000"},
           {"[measure]\ntimeout_s = inf", "give a number > 0 and <= 1000000000"},
           {"[measure]\ntimeout_s = nan", "give a number > 0 and <= 1000000000"},
           {"[measure]\ncheckpoint_s = 1e300", "give a number > 0 and <= 1000000000"},
           {"[measure]\ntarget_interval = \"5 %\"\nbudget_s = 1e18", "<= 1000000000"},
           {"[measure]\nprocesses_per_arm = 4294967301", "an integer in [1, 1000]"},
           {"[[suite]]\nid = \"decode\"\nbatch = 4294967301",
            "4294967301 is outside [1, 2147483647]"},
           {"[[suite]]\nid = \"decode\"\nbatch = -1", "-1 is outside >= 1"},
           {"[[method]]\nid = \"magnitude\"\nlayers = [4294967296]",
            "4294967296 is outside [0, 2147483647]"},
           {"[[suite]]\nid = \"decode\"\nbatch = { from = 1, to = 1e300, step = 9e299 }",
            "at most 1000 steps"},
           {"[[suite]]\nid = \"decode\"\nbatch = { from = 9007199254740993, to = 9007199254740994, "
            "step = 1 }",
            "at most 1000 steps"}}) {
    EXPECT_THAT(more(line + "\n"), HasSubstr(allowed)) << line;
  }
}

TEST_F(HostileInput, NumbersOfProfilesHaveRanges) {
  for (const auto& [line, allowed] : std::map<std::string, std::string>{
           {"cores = [4294967296]", "an array of integers in [0, 65535]"},
           {"threads = 4294967297", "an integer in [0, 4096]"},
           {"memory_limit = \"999999999 TiB\"", "up to 1024 TiB"},
           {"memory_limit = \"1.5 GiB\"", "up to 1024 TiB"},
           {"device = \"cuda:99999999999\"", "cuda:N with N from 0 to 127"},
           {"device = \"cuda:-1\"", "cuda:N with N from 0 to 127"},
           {"[floors]\nmax_load = 1e300", "a number > 0 and <= 1000000000000000"}}) {
    EXPECT_THAT(profile(line + "\n"), HasSubstr(allowed)) << line;
  }
  EXPECT_EQ(profile("memory_limit = \"1024 TiB\"\ndevice = \"cuda:7\"\n"), "");
}

TEST_F(HostileInput, NamesOfAMillionPartsAreNotParsed) {
  std::string name = "a";
  for (int i = 0; i < 1'000'000; ++i) name += ".a";
  for (const std::string& text : {name + " = 1\n", "[" + name + "]\n", "x = { " + name + " = 1 }\n",
                                  "[[" + name + "]]\n", "\"a\"." + name + " = 1\n"}) {
    EXPECT_THAT(more("\n" + text), HasSubstr("x.toml:13:1: a name of more than 16 parts"));
  }
}

TEST_F(HostileInput, NestedValuesEndBeforeTheStackDoes) {
  const std::string arrays(1'000'000, '[');
  EXPECT_THAT(more("x = " + arrays + "\n"), HasSubstr("not valid TOML: "));
  std::string tables, mixed;
  for (int i = 0; i < 100'000; ++i) tables += "{ a = ";
  EXPECT_THAT(more("x = " + tables + "\n"), HasSubstr("not valid TOML: "));
  // As deep as both bounds let it be.
  for (int i = 0; i < 250; ++i) mixed += "{ a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = ";
  EXPECT_THAT(more("x = " + mixed + "1" + std::string(250, '}') + "\n"),
              HasSubstr("unknown key 'x'"));
}

TEST_F(HostileInput, ThousandsOfUnknownKeysAreToldAsAHundred) {
  std::string keys;
  for (int i = 0; i < 200'000; ++i) keys += fmt::format("key{} = 1\n", i);
  EXPECT_THAT(more(keys), HasSubstr("and more; these first"));
  std::string blocks;
  for (int i = 0; i < 100'000; ++i) blocks += "[[method]]\nid = \"wanda\"\nsparsty = 1\n";
  EXPECT_THAT(more(blocks), HasSubstr("and more; these first"));
}

TEST_F(HostileInput, HugeNamesAndTextsAreCut) {
  const std::string huge(10'000'000, 'w');
  EXPECT_THAT(more(huge + " = 1\n"), HasSubstr("unknown key 'www"));
  EXPECT_THAT(more("[[method]]\nid = \"" + huge + "\"\n"), HasSubstr("a text of at most 65536"));
  EXPECT_THAT(more("[[method]]\nid = \"wanda\"\npattern = \"" + huge + "\"\n"),
              HasSubstr("is neither 'unstructured' nor"));
}

TEST(TomlKeys, CountsPartsOfKeysAndNothingElse) {
  std::string dots;
  for (int i = 0; i < 100; ++i) dots += "a.";
  for (const std::string& text :
       {"x = \"" + dots + "\"\n", "# " + dots + "\n", "x = '" + dots + "'\n",
        "x = \"\"\"\n" + dots + "\\\"\"\" \n" + dots + "\"\"\"\n", "x = '''\n" + dots + "'''\n",
        "x = \"\\\"" + dots + "\"\n",
        std::string("x = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,"
                    "1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]\n")}) {
    EXPECT_EQ(line_of_long_key(text), 0U) << text;
  }
  EXPECT_EQ(line_of_long_key("x = 1\ny = \"\"\"\n\n\"\"\"\n" + dots + "b = 1\n"), 5U);
  EXPECT_EQ(line_of_long_key(""), 0U);
  EXPECT_EQ(line_of_long_key("\""), 0U);
}

TEST(TomlValue, AValueOfManyPartsIsText) {
  std::string name = "a";
  for (int i = 0; i < 50'000; ++i) name += ".a";
  const std::string value = "{ " + name + " = 1 }";
  const toml::table table = toml_value(value);
  EXPECT_EQ(table[kValueKey].value<std::string>(), value);
}

TEST_F(HostileInput, ASettingOfManyPartsIsRefused) {
  std::string name = "a";
  for (int i = 0; i < 50'000; ++i) name += ".a";
  try {
    (void)read_method_setting({{"wanda", {name + "=1"}}}, share_.catalogue());
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("--set: a name of more than 16 parts"));
  }
}

}  // namespace
}  // namespace assay
