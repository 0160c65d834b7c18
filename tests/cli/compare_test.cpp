// `assay compare`, `check` and `baseline` from end to end, with a worker that pretends: its times
// are what the file home/slowdown says.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/cli/cli_world.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kDecode = "[[suite]]\nid = \"decode\"\n";
constexpr const char* kPpl = "[[suite]]\nid = \"letters-ppl\"\n";

std::string experiment(const std::string& methods, const std::string& suites) {
  std::string text = experiment_text(methods, suites);
  const std::string few = "processes_per_arm = 2";
  return text.replace(text.find(few), few.size(), "processes_per_arm = 12");
}

class Compare : public testing::Test {
 protected:
  Compare() { write_experiment("", std::string(kDecode) + kPpl); }

  void write_experiment(const std::string& methods, const std::string& suites) const {
    world_.write("e.toml", experiment(methods, suites));
  }
  /// Times are `factor` as long for the next `processes` timed processes.
  void slow_down(double factor, int processes) const {
    world_.write("home/slowdown", std::to_string(factor) + " " + std::to_string(processes));
  }
  void measure(const std::string& database) const {
    const CommandOutput result = world_.run({"run", "e.toml", "--db", database});
    ASSERT_EQ(result.code, 0) << result.err;
  }
  [[nodiscard]] CommandOutput check(std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"check", "e.toml", "--baseline", "base.db"};
    words.insert(words.end(), more.begin(), more.end());
    return world_.run(words);
  }

  CliWorld world_;
};

TEST_F(Compare, NothingWorseIsZero) {
  measure("base.db");
  const CommandOutput result = check({"--markdown", "s.md", "--junit", "j.xml"});
  EXPECT_EQ(result.code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("decode/token_latency"), HasSubstr("2 same")));
  EXPECT_THAT(read_text_file(world_ / "s.md"), HasSubstr("nothing got worse"));
  EXPECT_THAT(read_text_file(world_ / "j.xml"), HasSubstr("tests=\"2\" failures=\"0\""));
  EXPECT_EQ(world_.run({"compare", "base.db", "results.db"}).code, 0);
}

TEST_F(Compare, SlowerAndConfirmedIsOne) {
  measure("base.db");
  slow_down(1.5, 1000);
  const CommandOutput result = check({"--json"});
  EXPECT_EQ(result.code, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("timing them again"));
  const Json document = Json::parse(result.out);
  const Json& row = document.at("rows").at(0);
  EXPECT_EQ(row.at("verdict"), "worse");
  EXPECT_EQ(row.at("confirmed"), true);
  EXPECT_EQ(row.at("n_base"), 12);
  EXPECT_EQ(row.at("n_candidate"), 24);
  EXPECT_EQ(document.at("exit_code"), 1);
}

TEST_F(Compare, SlowerOnceIsAmbiguous) {
  measure("base.db");
  slow_down(1.5, 12);
  const CommandOutput result = check();
  EXPECT_EQ(result.code, 4) << result.out;
  EXPECT_THAT(result.out, HasSubstr("confirmation_failed"));
}

TEST_F(Compare, AmbiguousCanBeAllowed) {
  measure("base.db");
  slow_down(1.5, 12);
  EXPECT_EQ(check({"--allow-ambiguous"}).code, 0);
}

TEST_F(Compare, WithoutConfirmationItSaysSo) {
  measure("base.db");
  slow_down(1.5, 12);
  const CommandOutput result = check({"--no-confirm"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("not_confirmed"));
  const CommandOutput stored = check({"--no-run"});
  EXPECT_EQ(stored.code, 1);
  EXPECT_EQ(world_.run({"compare", "base.db", "results.db"}).code, 1);
  EXPECT_EQ(world_.run({"compare", "results.db", "base.db"}).code, 0);
}

TEST_F(Compare, WithoutARunTheStoredCellsMustBeThoseOfTheFile) {
  measure("base.db");
  measure("results.db");
  EXPECT_EQ(check({"--no-run"}).code, 0);
  write_experiment("[[method]]\nid = \"pretend\"\nends = \"well\"\n", kDecode);
  const CommandOutput other = check({"--no-run"});
  EXPECT_EQ(other.code, 3) << other.out;
  EXPECT_THAT(other.err, AllOf(HasSubstr("other methods, suites"), HasSubstr("without --no-run")));
}

TEST_F(Compare, NoBaselineIsThree) {
  const CommandOutput none = check();
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, AllOf(HasSubstr("base.db"), HasSubstr("assay baseline save")));
  measure("base.db");
  EXPECT_EQ(check({"--name", "other"}).code, 3);
}

TEST_F(Compare, AFailedOrMissingCellIsThree) {
  measure("base.db");
  write_experiment("[[method]]\nid = \"pretend\"\nends = \"segv\"\n", kDecode);
  const CommandOutput result = check();
  EXPECT_EQ(result.code, 3) << result.out;
  EXPECT_THAT(result.out, AllOf(HasSubstr("missing_base"), HasSubstr("missing_candidate")));
  ASSERT_EQ(world_.run({"run", "e.toml", "--db", "failed.db"}).code, 3);
  const CommandOutput failed = world_.run({"check", "e.toml", "--baseline", "failed.db"});
  EXPECT_EQ(failed.code, 3);
  EXPECT_THAT(failed.out, HasSubstr("base CRASHED"));
}

TEST_F(Compare, AnotherModelIsRefusedByName) {
  measure("base.db");
  std::string weights = read_text_file(world_ / "model/model.safetensors");
  weights.back() = static_cast<char>(weights.back() ^ 1);
  world_.write("model/model.safetensors", weights);
  const CommandOutput result = check();
  EXPECT_EQ(result.code, 3);
  EXPECT_THAT(result.out, AllOf(HasSubstr("key_differs"), HasSubstr("model.hash")));
}

TEST_F(Compare, BadInputIsTwo) {
  measure("base.db");
  const std::vector<std::vector<std::string>> wrong = {{"--floor", "-5"},
                                                       {"--threshold", "-1"},
                                                       {"--threshold", "nan"},
                                                       {"--alpha", "0"},
                                                       {"--threshold", "much"}};
  for (const auto& words : wrong) EXPECT_EQ(check(words).code, 2) << words[0] << " " << words[1];
  world_.write("text.db", "this is no database");
  EXPECT_EQ(world_.run({"check", "e.toml", "--baseline", "text.db"}).code, 2);
  EXPECT_EQ(world_.run({"compare", "nowhere.db", "base.db"}).code, 2);
  EXPECT_EQ(world_.run({"compare", "dense", "wnada", "--db", "base.db"}).code, 2);
  EXPECT_EQ(world_.run({"compare", "main@1", "main@2", "--db", "base.db"}).code, 2);
}

TEST_F(Compare, TheFloorThatDoctorKeptRaisesTheThreshold) {
  measure("base.db");
  slow_down(1.5, 1000);
  measure("results.db");
  EXPECT_EQ(world_.run({"compare", "base.db", "results.db"}).code, 1);
  {
    SQLite::Database database((world_ / "results.db").string(), SQLite::OPEN_READWRITE);
    database.exec(
        "INSERT INTO machine_check(profile_id, created_utc, body) SELECT DISTINCT profile_id, '', "
        "'{\"against_itself\": [{\"noise_floor\": 0.4}]}' FROM plan_cell");
  }
  EXPECT_NE(world_.run({"compare", "base.db", "results.db"}).code, 1) << "2 x 40 % is allowed";
  EXPECT_EQ(world_.run({"compare", "base.db", "results.db", "--floor", "1"}).code, 1);
}

TEST_F(Compare, MethodsOfOneExperiment) {
  write_experiment("[[method]]\nid = \"pretend\"\nsparsity = [0.25, 0.5]\n", kDecode);
  measure("base.db");
  const CommandOutput many = world_.run({"compare", "dense", "pretend", "--db", "base.db"});
  EXPECT_EQ(many.code, 2);
  EXPECT_THAT(many.err, HasSubstr("2 settings of the method fit; name one of: "
                                  "pretend:sparsity=0.25 pretend:sparsity=0.5"));
  EXPECT_THAT(world_.run({"compare", "dense", "pretend:sparsity=0.3", "--db", "base.db"}).err,
              HasSubstr("no setting of the method fits; there are: pretend:sparsity=0.25"));
  EXPECT_THAT(
      world_.run({"compare", "pretend:sparsity=0.3,ends=well", "dense", "--db", "base.db"}).err,
      HasSubstr("there are: pretend:ends=well,sparsity=0.25"))
      << "what was asked for is named, even where nothing differs";
  const CommandOutput one =
      world_.run({"compare", "dense", "pretend:sparsity=0.25", "--db", "base.db", "--json"});
  EXPECT_EQ(one.code, 1) << one.err;
  const Json row = Json::parse(one.out).at("rows").at(0);
  EXPECT_EQ(row.at("test").at("variant"), "signflip_exact") << "one session: pairs";
  EXPECT_NEAR(row.at("effect").get<double>(), 1.5, 1e-9);
}

TEST_F(Compare, ASlowerMachineIsNoSlowerMethod) {
  write_experiment("[[method]]\nid = \"pretend\"\n", kDecode);
  measure("base.db");
  slow_down(1.5, 1000);  // of every process, dense's too
  measure("results.db");
  const auto verdicts = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"compare", "base.db", "results.db", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    std::map<std::string, std::string> found;
    const Json rows = Json::parse(world_.run(words).out).at("rows");
    for (const Json& row : rows) {
      found[row.at("method")] = row.at("verdict");
    }
    return found;
  };
  const auto relative = verdicts({});
  EXPECT_EQ(relative.at("dense"), "worse");
  EXPECT_EQ(relative.at("pretend"), "same");
  EXPECT_EQ(verdicts({"--absolute"}).at("pretend"), "worse");
}

TEST_F(Compare, WaiversAreTakenOutOfTheExitCode) {
  measure("base.db");
  slow_down(1.5, 1000);
  measure("results.db");
  const auto code = [&](const std::string& waiver) {
    return world_.run({"compare", "base.db", "results.db", "--waive", waiver});
  };
  const CommandOutput waived = code("decode/dense/*=known until 2.1");
  EXPECT_EQ(waived.code, 0) << waived.err;
  EXPECT_THAT(waived.out, AllOf(HasSubstr("worse (waived)"), HasSubstr("known until 2.1"),
                                HasSubstr("1 waived")));
  EXPECT_EQ(code("letters-ppl/*=not this").code, 1) << "another row is waived";
  EXPECT_EQ(code("decode/ria/*=stale").code, 2);
  EXPECT_EQ(code("decode/dense/*").code, 2) << "no reason";
}

TEST_F(Compare, BaselinesAreKeptByNameAndCommit) {
  measure("results.db");
  const auto save = [&](const std::string& commit) {
    return world_.run({"baseline", "save", "main", "--commit", commit, "--baselines", "base.db"});
  };
  ASSERT_EQ(save("c1").code, 0);
  EXPECT_EQ(save("c1").code, 2) << "not overwritten without --replace";
  slow_down(1.5, 1000);
  measure("slow.db");
  ASSERT_EQ(world_
                .run({"baseline", "save", "main", "--commit", "c2", "--db", "slow.db",
                      "--baselines", "base.db"})
                .code,
            0);
  const CommandOutput listed = world_.run({"baseline", "list", "--baselines", "base.db"});
  EXPECT_THAT(listed.out, AllOf(HasSubstr("main@c1"), HasSubstr("main@c2")));
  EXPECT_EQ(check({"--name", "main@c1", "--no-run"}).code, 0);
  EXPECT_EQ(check({"--name", "main", "--no-run", "--db", "slow.db"}).code, 0) << "newest: c2";
  EXPECT_EQ(check({"--name", "main@c1", "--no-run", "--db", "slow.db"}).code, 1);
  EXPECT_EQ(world_.run({"compare", "main@c1", "main@c2", "--db", "base.db"}).code, 1);
  EXPECT_EQ(world_.run({"baseline", "save", "a@b", "--commit", "c"}).code, 2);
  EXPECT_EQ(world_.run({"baseline", "save", "main"}).code, 2) << "no commit anywhere";
}

TEST_F(Compare, HelpHasExamples) {
  for (const char* command : {"compare", "check", "baseline"}) {
    const CommandOutput help = world_.run({command, "--help"});
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("Example:\n  assay " + std::string(command)));
  }
}

}  // namespace
}  // namespace assay
