// The commands that only look: help, listings, descriptions; and what the program links.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <thread>

#include "harness/base/json.h"
#include "harness/process/child.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Commands, EveryHelpShowsAnExample) {
  const CliWorld world;
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{},
                                             {"run"},
                                             {"plan"},
                                             {"list"},
                                             {"list", "suites"},
                                             {"describe"},
                                             {"completion"},
                                             {"completion", "bash"},
                                             {"completion", "words"},
                                             {"report"},
                                             {"history"},
                                             {"import"},
                                             {"data"},
                                             {"data", "get"},
                                             {"data", "list"},
                                             {"model"},
                                             {"model", "import"},
                                             {"model", "list"},
                                             {"version"}}) {
    std::vector<std::string> arguments = command;
    arguments.emplace_back("--help");
    const CommandOutput help = world.run(arguments);
    EXPECT_EQ(help.code, 0);
    EXPECT_THAT(help.out, HasSubstr("Example:\n  assay "));
  }
}

TEST(Commands, ListsAreTextOrJson) {
  const CliWorld world;
  EXPECT_EQ(world.run({"list", "methods"}).out,
            "method   calibrates on  trains on  model      summary\n"
            "dense    -              -          -          pretends to be dense\n"
            "gated    -              -          ffn.gated  pretends to be gated\n"
            "pretend  -              -          -          pretends to be pretend\n"
            "folds    -              -          -          pretends to be folds\n");
  const Json methods = Json::parse(world.run({"list", "methods", "--json"}).out);
  EXPECT_EQ(methods.at(1).at("requires").at(0).at("trait"), "ffn.gated");
  EXPECT_EQ(methods.at(1).at("calibrates_on"), Json::array());
  EXPECT_EQ(Json::parse(world.run({"list", "suites", "--json"}).out).at(0).at("name"),
            "absent-ppl");
  EXPECT_THAT(world.run({"list", "profiles"}).out, HasSubstr("cpu"));
  EXPECT_THAT(world.run({"list", "datasets"}).out,
              HasSubstr("letters   text  all, absent  letters (licence: none)"));
  EXPECT_THAT(world.run({"list", "families"}).out, HasSubstr("gpt_neox"));
  EXPECT_EQ(world.run({"list", "models"}).code, 0);
}

TEST(Commands, EveryCommandThatPrintsTakesJson) {
  const CliWorld world;
  const std::string commands = world.run({"completion", "words", "--", ""}).out;
  std::istringstream names(commands);
  int checked = 0;
  for (std::string name; names >> name;) {
    std::istringstream below(world.run({"completion", "words", "--", name, ""}).out);
    std::vector<std::vector<std::string>> all;
    // What completes an argument, as for `describe`, is no command.
    const bool parent = world.run({name, "--help"}).out.find("\nSubcommands:") != std::string::npos;
    for (std::string inner; parent && below >> inner;) all.push_back({name, inner, "--help"});
    if (!parent) all.push_back({name, "--help"});
    for (const auto& command : all) {
      if (name == "completion") continue;  // scripts and words of a shell
      EXPECT_THAT(world.run(command).out, HasSubstr("--json"));
      ++checked;
    }
  }
  EXPECT_GT(checked, 25);
}

TEST(Commands, WhatWasDoneIsJsonToo) {
  const CliWorld world;
  world.write("r.csv", "model,method,suite,metric,value\nm,a,s,token_ppl,3\nm,b,s,token_ppl,\n");
  const CommandOutput imported = world.run({"import", "r.csv", "--json"});
  ASSERT_EQ(imported.code, 0) << imported.err;
  EXPECT_EQ(Json::parse(imported.out), (Json{{"experiment", "r"},
                                             {"format", "csv"},
                                             {"cells", 2},
                                             {"values", 1},
                                             {"gaps", 1},
                                             {"left_out", Json::array()}}));
  const CommandOutput saved = world.run({"baseline", "save", "main", "--commit", "1f2e", "--json"});
  ASSERT_EQ(saved.code, 0) << saved.err;
  EXPECT_EQ(Json::parse(saved.out),
            (Json{{"name", "main"}, {"commit", "1f2e"}, {"experiment", "r"}}));
  const CommandOutput both = world.run({"report", "results.db", "--json", "--format", "csv"});
  EXPECT_EQ(both.code, 2);
  EXPECT_THAT(both.err, HasSubstr("--format excludes --json"));
}

TEST(Commands, DescribesWhateverHasTheName) {
  const CliWorld world;
  EXPECT_THAT(world.run({"describe", "pretend"}).out,
              AllOf(HasSubstr("method pretend"), HasSubstr("[0, 1)"), HasSubstr("default 0.5")));
  EXPECT_THAT(world.run({"describe", "letters-ppl"}).out,
              AllOf(HasSubstr("suite letters-ppl"), HasSubstr("window"), HasSubstr("token_ppl")));
  EXPECT_THAT(world.run({"describe", "letters"}).out, HasSubstr("dataset letters"));
  EXPECT_THAT(world.run({"describe", "cpu"}).out, HasSubstr("fp32"));
  EXPECT_THAT(world.run({"describe", "llama"}).out, HasSubstr("family llama"));
  EXPECT_EQ(Json::parse(world.run({"describe", "pretend", "--json"}).out).at(0).at("kind"),
            "method");
}

TEST(Commands, DataListSaysWhatIsHere) {
  const CliWorld world;
  const Json list = Json::parse(world.run({"data", "list", "--json"}).out);
  EXPECT_EQ(list.at(0).at("present"), Json({"all"}));
  EXPECT_EQ(list.at(0).at("missing"), Json({"absent"}));
  EXPECT_THAT(world.run({"data", "list"}).out, HasSubstr("here: all"));
}

TEST(Commands, TheWorkerIsAskedOnceAndAgainWhenItChanges) {
  CliWorld world;
  const auto counter = world / "asked";
  const auto script =
      world.write("worker", "#!/bin/sh\necho x >> " + counter.string() + "\nexec " +
                                binary_dir().string() + "/tests/fake_worker \"$@\"\n");
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  world.set("ASSAY_WORKER", script.string());
  // An answer of a program that was written just now is not remembered: it may change once more.
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  world.run({"list", "methods"});
  world.run({"list", "methods"});
  EXPECT_EQ(std::filesystem::file_size(counter), 2U);
  std::filesystem::last_write_time(script, std::filesystem::file_time_type::clock::now());
  world.run({"list", "methods"});
  EXPECT_EQ(std::filesystem::file_size(counter), 4U);
  world.run({"list", "methods"});
  EXPECT_EQ(std::filesystem::file_size(counter), 6U);
}

TEST(Commands, TheProgramLinksNoLibTorch) {
  ChildSpec spec;
  spec.program = "/usr/bin/ldd";
  spec.arguments = {(binary_dir() / "bin/assay").string()};
  spec.environment = {"PATH=/usr/bin:/bin"};
  std::string libraries;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) { libraries += line + "\n"; };
  EXPECT_EQ(run_child(spec, callbacks).exit_code, 0);
  EXPECT_THAT(libraries, AllOf(HasSubstr("libsqlite3"), Not(HasSubstr("torch")),
                               Not(HasSubstr("libc10")), Not(HasSubstr("gomp"))));
}

}  // namespace
}  // namespace assay
