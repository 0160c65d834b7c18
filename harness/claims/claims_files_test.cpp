#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/claims/claims_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string paper_with(const std::string& rows, const std::string& head = "") {
  return "paper = \"p\"\ntitle = \"t\"\nreference = \"r\"\n" + head +
         "[[table]]\ndataset = \"d\"\nmetric = \"acc\"\nsource = \"s\"\nevidence = \"verified\"\n"
         "method = \"dense\"\nmodel = \"m\"\nsetting = \"x\"\nrows = [\n" +
         rows + "]\n";
}

class ClaimsFiles : public testing::Test {
 protected:
  std::string problems(const std::string& paper) {
    share_.write("claims/papers/p.toml", paper);
    return share_.problems();
  }
  ClaimsShare share_;
};

TEST_F(ClaimsFiles, RowsTakeWhatTheirTableSays) {
  const ClaimSet claims = share_.claims();
  ASSERT_EQ(claims.papers.size(), 1U);
  const Claim& dense = claims.papers[0].claims.at(0);
  EXPECT_EQ(dense.id, "dense");
  EXPECT_EQ(dense.metric, "wt2_ppl@4096");
  EXPECT_EQ(dense.value.lo, 5.12);
  EXPECT_EQ(dense.calibration->at("tokens"), 4096);
  const Claim& odd = *find_claims(claims, "small").at(23).claim;
  EXPECT_EQ(odd.id, "odd");
  EXPECT_EQ(odd.metric, "") << "words replace the table's id";
  EXPECT_EQ(odd.metric_name(), "happiness");
}

TEST_F(ClaimsFiles, ValuesAsPrinted) {
  const auto printed = [&](const std::string& value) {
    EXPECT_EQ(problems(paper_with("{ id = \"a\", " + value + " },\n")), "");
    return share_.claims().papers.front().claims.front().value.printed();
  };
  EXPECT_EQ(printed("value = 14.89"), "14.89");
  EXPECT_EQ(printed("value = -0.3"), "-0.3");
  EXPECT_EQ(printed("range = [1e5, 2e10]"), "100000-20000000000");
  EXPECT_EQ(printed("below = 4.5"), "<4.5");
  EXPECT_EQ(printed("above = 99"), ">99");
  EXPECT_EQ(printed("text = \"negligible\""), "negligible");
  EXPECT_EQ(printed("evidence = \"unknown\""), "");
}

TEST_F(ClaimsFiles, MistakesComeWithPlaceAndSuggestion) {
  EXPECT_THAT(problems(paper_with("{ id = \"a\", valeu = 1 },\n")),
              AllOf(HasSubstr("p.toml:13:13: unknown key 'valeu' in claim 'a'; did you mean "
                              "'value'?"),
                    HasSubstr("needs one of 'value'")));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = 1, metric = \"wt2_ppl@409\" },\n")),
              HasSubstr("p.toml:13:33: claim 'a': unknown metric 'wt2_ppl@409'; did you mean "
                        "'wt2_ppl@4096'?"));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = 1, evidence = \"sure\" },\n")),
              HasSubstr("evidence = \"sure\" in claim 'a' is not allowed; give one of verified"));
  EXPECT_THAT(problems(paper_with("{ value = 1 },\n")), HasSubstr("no key 'id'"));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = 1, below = 2 },\n")),
              HasSubstr("needs one of"));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", range = [2, 1] },\n")),
              HasSubstr("give [LOWEST, HIGHEST]"));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = nan },\n")),
              HasSubstr("give a finite number"));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = 1, method = \"\" },\n")),
              HasSubstr("no key 'method'"));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = 1, metric = \"acc\", metric_text = \"b\" "
                                  "},\n")),
              HasSubstr("either 'metric' or 'metric_text'"));
}

TEST_F(ClaimsFiles, ReferencesMustHold) {
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = 1, metric = \"speedup_x\" },\n")),
              HasSubstr("is a ratio and needs 'baseline' or 'against'"));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = 1, metric = \"size_reduction\" },\n")),
              HasSubstr("needs 'denominator'"));
  EXPECT_THAT(problems(paper_with("{ id = \"base\", value = 1 },\n{ id = \"a\", value = 1, "
                                  "baseline = \"bsae\" },\n")),
              HasSubstr("p.toml:14:1: claim 'a': unknown baseline 'bsae'; did you mean 'base'?"));
  EXPECT_THAT(problems(paper_with("{ id = \"a\", value = 1 },\n", "[model_names]\nk = [\"l\"]\n")),
              HasSubstr("unknown model of this file 'k'"));
  EXPECT_THAT(problems(paper_with("{ id = \"dense\", value = 1 },\n")),
              HasSubstr("claim 'dense' is already at claims/papers/"))
      << "ids are unique over all files";
}

TEST_F(ClaimsFiles, TheNameIsThatOfFileOrFolder) {
  share_.write("methods/q/claims.toml", paper_with("{ id = \"a\", value = 1 },\n"));
  EXPECT_THAT(share_.problems(), HasSubstr("paper = 'p', but the file is that of 'q'"));
  share_.write("methods/q/claims.toml", "");
  EXPECT_THAT(share_.problems(), HasSubstr("methods/q/claims.toml"));
}

TEST_F(ClaimsFiles, AFileThatIsNotTomlSaysWhere) {
  EXPECT_THAT(problems("paper = \n"), HasSubstr("p.toml:1:"));
  share_.write("claims/metrics.toml", "[[metric]]\nid = \"x\"\nkind = \"speed\"\n");
  EXPECT_THAT(share_.problems(), AllOf(HasSubstr("metrics.toml:3:8"), HasSubstr("one of accuracy"),
                                       HasSubstr("no key 'means'")));
}

TEST_F(ClaimsFiles, TolerancesNeedOneWidth) {
  share_.write("claims/metrics.toml", "[[tolerance]]\nkind = \"accuracy\"\nwhy = \"w\"\n");
  EXPECT_THAT(share_.problems(), HasSubstr("either 'absolute' or 'relative'"));
}

TEST_F(ClaimsFiles, ClaimsAreFoundByPaperAliasAndMethod) {
  share_.write(
      "claims/papers/p.toml",
      paper_with("{ id = \"a\", value = 1, method = \"wanda\" },\n", "aliases = [\"pp\"]\n"));
  const ClaimSet claims = share_.claims();
  EXPECT_EQ(find_claims(claims, "p").size(), 1U);
  EXPECT_EQ(find_claims(claims, "pp").size(), 1U);
  const std::size_t wanda = find_claims(claims, "wanda").size();
  EXPECT_EQ(find_claims(claims, "magnitude").size(), 2U);
  std::size_t counted = 0;
  for (const Paper& paper : claims.papers) {
    for (const Claim& claim : paper.claims) counted += claim.method == "wanda" ? 1 : 0;
  }
  EXPECT_EQ(wanda, counted);
  try {
    (void)find_claims(claims, "wnada");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'wanda'?"));
  }
}

TEST_F(ClaimsFiles, ParametersAreCheckedAgainstTheMethod) {
  Catalogue catalogue;
  MethodEntry wanda;
  wanda.name = "wanda";
  ParamSpec sparsity;
  sparsity.name = "sparsity";
  sparsity.default_value = 0.5;
  sparsity.min = 0;
  sparsity.max = 1;
  ParamSpec pattern;
  pattern.name = "pattern";
  pattern.type = ParamType::kText;
  wanda.params = {sparsity, pattern};
  catalogue.methods = {wanda};
  SuiteEntry wikitext, piqa;
  wikitext.id = "wikitext2-ppl";
  piqa.id = "piqa";
  catalogue.suites = {wikitext, piqa};
  check_claims(share_.claims(), catalogue);
  share_.write(
      "claims/papers/p.toml",
      paper_with("{ id = \"a\", value = 1, method = \"wanda\", params = { sparsty = 2 } },\n"
                 "{ id = \"b\", value = 1, method = \"wanda\", params = { sparsity = 2 } },\n"));
  try {
    check_claims(share_.claims(), catalogue);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("p.toml:13:1: claim 'a': unknown parameter of wanda "
                                              "'sparsty'; did you mean 'sparsity'?"),
                                    HasSubstr("p.toml:14:1: claim 'b': sparsity = 2")));
  }
}

}  // namespace
}  // namespace assay
