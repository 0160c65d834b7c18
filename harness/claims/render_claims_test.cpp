#include "harness/claims/render_claims.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "harness/claims/claims_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class RenderClaims : public testing::Test {
 protected:
  Reproduction reproduction(const std::vector<Measured>& measured) {
    Reproduction made;
    made.name = "small";
    made.databases = {"r.db"};
    made.judgements =
        judge_claims(claims_, find_claims(claims_, "small"), measured, known_methods());
    return made;
  }
  ClaimsShare share_;
  ClaimSet claims_ = share_.claims();
};

TEST_F(RenderClaims, TextShowsVerdictReasonAndNearest) {
  Measured tiny = measured_wanda(60.85);
  tiny.row.model = "smollm2-135m";
  const std::string text = claims_text(reproduction({tiny, measured_dense()}), {});
  EXPECT_THAT(text, AllOf(HasSubstr("WikiText-2 · wt2_ppl@4096\n"),
                          HasSubstr("5.120  reproduced\n      agrees by 0, allowed 0.01"),
                          HasSubstr("other model (here smollm2-135m). Nearest: smollm2-135m, "
                                    "wikitext2-ppl, wanda sparsity=0.5"),
                          HasSubstr("Kept but no claims, and not shown: 1 recalled, 1 unknown"),
                          HasSubstr("Read: r.db."), Not(HasSubstr("\x1b["))));
}

TEST_F(RenderClaims, NoLineIsWiderThanTheTerminalExceptRows) {
  const std::string text = claims_text(reproduction({measured_wanda(9)}), {.width = 60});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("      ")) {
      EXPECT_LE(line.size(), 60U) << line;
    }
  }
  EXPECT_THAT(claims_text(reproduction({measured_wanda(9)}), {.width = 60, .colour = true}),
              HasSubstr("\x1b[38;5;166mnot reproduced\x1b[0m"));
}

TEST_F(RenderClaims, RowsWithTheSameReasonShareIt) {
  EXPECT_THAT(claims_text(reproduction({}), {}),
              HasSubstr("78.1 %     -  not comparable\n"
                        "  piqa.part       LLaMA-2-7B  dense          0.781     -  not comparable\n"
                        "      nothing measured\n"));
}

TEST_F(RenderClaims, HostileNamesBreakNoTable) {
  share_.write("claims/papers/p.toml",
               "paper = \"p\"\ntitle = \"a|b\"\nreference = \"r\"\n[[table]]\nrows = [{ id = "
               "\"x|y\", model = \"m,\\\"n\\\"\", dataset = \"<b>\", metric = \"acc\", setting = "
               "\"[l](u)\\nz\", method = \"dense\", source = \"s\", evidence = \"verified\", value "
               "= 1 }]\n");
  const ClaimSet claims = share_.claims();
  Reproduction made;
  made.judgements = judge_claims(claims, find_claims(claims, "p"), {}, known_methods());
  const std::string md = claims_markdown(made);
  EXPECT_THAT(md,
              AllOf(HasSubstr("| x\\|y | m,\"n\" | \\<b\\> | acc | \\[l\\](u)\\\\nz | 1 | - | not "
                              "comparable |"),
                    HasSubstr("a\\|b")));
  const std::string csv = claims_csv(made);
  EXPECT_THAT(csv, HasSubstr("p,x|y,\"m,\"\"n\"\"\",<b>,acc,\"[l](u)\nz\",dense,1,,verified,s,"));
}

TEST_F(RenderClaims, JsonHoldsEverything) {
  const Json document = claims_json(reproduction({measured_dense()}), ExitCode::kOk);
  EXPECT_EQ(document.at("exit_code"), 0);
  EXPECT_EQ(document.at("counts").at("reproduced"), 1);
  EXPECT_EQ(document.at("not_shown"), (Json{{"recalled", 1}, {"unknown", 1}}));
  const Json& dense = document.at("claims").at(0);
  EXPECT_EQ(dense.at("claimed"), 5.12);
  EXPECT_EQ(dense.at("here"), 5.12);
  EXPECT_EQ(dense.at("allowed"), 0.01);
  EXPECT_EQ(dense.at("nearest").at("device"), "cuda");
  EXPECT_EQ(document.dump(), claims_json(reproduction({measured_dense()}), ExitCode::kOk).dump());
}

TEST_F(RenderClaims, PapersAreListedWithCounts) {
  const Json papers = papers_json(claims_, known_methods());
  ASSERT_EQ(papers.size(), 1U);
  EXPECT_EQ(papers[0].at("claims").at("secondary"), 1);
  EXPECT_EQ(papers[0].at("method_here"), true);
  MethodKnowledge none;
  none.defaults["dense"] = Json::object();
  EXPECT_THAT(papers_text(claims_, none), HasSubstr("its method is not in assay"));
}

}  // namespace
}  // namespace assay
