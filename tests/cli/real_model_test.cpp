// A model that is replaced during a run, with the real worker.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/files.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

/// A stream of zeros, which every vocabulary has.
constexpr const char* kPython = R"(#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; shift; done
mkdir -p "$out"
head -c 1024 /dev/zero > "$out/tokens.bin"
hash=$(sha256sum "$out/tokens.bin" | cut -d ' ' -f 1)
printf '{"version":1,"format":"stream","tokens":256,"files":{"tokens.bin":"%s"}}' "$hash" > "$out/manifest.json"
echo '{}'
)";

constexpr const char* kSuite = R"([[suite]]
id = "letters-ppl"
window = 16
)";
constexpr const char* kMagnitude = R"([[method]]
id = "magnitude"
sparsity = 0.5
)";

class ReplacedModel : public testing::Test {
 protected:
  ReplacedModel() {
    fs::permissions(world_.write("python", kPython), fs::perms::owner_all);
    world_.write("e.toml", experiment_text("", kSuite));
    original_ = read_text_file(weights());
    std::string other = original_;
    other[other.size() - 3] = static_cast<char>(other[other.size() - 3] ^ 0x20);
    world_.write("next", other);
  }
  [[nodiscard]] fs::path weights() const { return world_ / "model/model.safetensors"; }
  /// The worker that the run starts does `command` first, in the world's folder, when it is asked
  /// to measure something: after the plan was made.
  void before_measuring(const std::string& command) {
    const std::string worker = (binary_dir() / "bin/assay-worker").string();
    const std::string script = "#!/bin/sh\n[ \"$1\" = --describe ] || (cd '" +
                               (world_ / "").string() + "' && " + command + ")\nexec '" + worker +
                               "' \"$@\"\n";
    fs::permissions(world_.write("worker", script), fs::perms::owner_all);
    world_.set("ASSAY_WORKER", (world_ / "worker").string());
  }
  void expect_refused(const std::string& reason) {
    const CommandOutput run = world_.run({"run", "e.toml"});
    EXPECT_EQ(run.code, 3) << run.err;
    EXPECT_THAT(run.err, AllOf(HasSubstr("INVALID (model_changed)"), HasSubstr(reason)));
    EXPECT_THAT(run.err, HasSubstr("0 cells OK, 0 UNMET")) << run.err;
    const CommandOutput report = world_.run({"report", "results.db"});
    EXPECT_THAT(report.out, AllOf(HasSubstr("INVALID"), HasSubstr(reason)));
  }

  CliWorld world_;
  std::string original_;
};

TEST_F(ReplacedModel, AnotherFileOfItsNameIsNotMeasured) {
  before_measuring("if [ -e next ]; then mv next model/model.safetensors; fi");
  expect_refused("holds another model");
  // What is there now has a hash and a key of its own.
  const CommandOutput now = world_.run({"run", "e.toml"});
  EXPECT_EQ(now.code, 0) << now.err;
  EXPECT_THAT(now.err, HasSubstr("1 cells OK"));
  // And the first model is measured, not taken from what was stored.
  write_file_atomically(weights(), original_);
  const CommandOutput again = world_.run({"run", "e.toml"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.err, AllOf(HasSubstr("1 cells OK"), HasSubstr("0 of them stored before")));
  EXPECT_NE(again.out, now.out);
}

TEST_F(ReplacedModel, AFileOfEqualSizeAndTimeIsNotMeasured) {
  before_measuring(
      "if [ -e next ]; then touch -r model/model.safetensors next; "
      "mv next model/model.safetensors; fi");
  expect_refused("holds another model");
}

TEST_F(ReplacedModel, AFileThatIsWrittenOverIsNotMeasured) {
  before_measuring(
      "touch -r model/model.safetensors time; cat next > model/model.safetensors; "
      "touch -r time model/model.safetensors");
  expect_refused("holds another model");
}

TEST_F(ReplacedModel, AnEditedConfigIsNotMeasured) {
  before_measuring("sed -i 's/\"transformers_version\": \"/&9./' model/config.json");
  expect_refused("holds another model");
}

TEST_F(ReplacedModel, AnEditedTokenizerIsNotMeasured) {
  before_measuring("echo '{\"add_bos_token\": true}' > model/tokenizer_config.json");
  expect_refused("holds another model");
}

TEST_F(ReplacedModel, AFileThatVanishesIsNotWithoutMeaning) {
  before_measuring("rm -f model/model.safetensors");
  const CommandOutput gone = world_.run({"run", "e.toml"});
  EXPECT_EQ(gone.code, 3) << gone.err;
  EXPECT_THAT(gone.err, AllOf(HasSubstr("CRASHED (file)"), HasSubstr("no weights"),
                              HasSubstr("0 cells OK, 0 UNMET, 1 failed")));
  write_file_atomically(weights(), original_);
  before_measuring("true");
  const CommandOutput again = world_.run({"run", "e.toml"});
  EXPECT_EQ(again.code, 0) << again.err;
}

TEST_F(ReplacedModel, NothingIsFittedToAnotherModel) {
  world_.write("e.toml", experiment_text(kMagnitude, kSuite));
  before_measuring("if [ -e next ]; then mv next model/model.safetensors; fi");
  expect_refused("holds another model");
  for (const auto& entry : fs::directory_iterator(world_ / "home/artefacts")) {
    EXPECT_EQ(entry.path().extension(), ".lock") << entry.path();
  }
}

}  // namespace
}  // namespace assay
