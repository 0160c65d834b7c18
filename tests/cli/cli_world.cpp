#include "tests/cli/cli_world.h"

#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "harness/base/clock.h"
#include "harness/base/files.h"
#include "harness/process/child.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDataset = R"(name = "letters"
summary = "letters"
licence = "none"
source = "made up"
kind = "text"
join = "lines"
sampling = "stream"
[splits.all]
files = ["letters.txt"]
[splits.absent]
files = ["nowhere.txt"]
)";

constexpr const char* kSuite = R"(id = "letters-ppl"
kind = "token_ppl"
dataset = "letters"
split = "all"
summary = "perplexity of letters"
)";

constexpr const char* kAbsentSuite = R"(id = "absent-ppl"
kind = "token_ppl"
dataset = "letters"
split = "absent"
summary = "perplexity of what is not there"
)";

constexpr const char* kDecodeSuite = R"(id = "decode"
kind = "decode"
summary = "speed of decoding"
)";

constexpr const char* kProfile = R"(id = "cpu"
summary = "CPU"
device = "cpu"
dtype = "fp32"
threads = 1
)";

/// Prepares like the real tools, without reading anything: --out is all it looks at.
constexpr const char* kPython = R"(#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = --out ] && out=$2; shift; done
mkdir -p "$out"
printf 'tokens' > "$out/tokens.bin"
hash=$(sha256sum "$out/tokens.bin" | cut -d ' ' -f 1)
printf '{"version":1,"format":"stream","tokens":4000,"documents":10,"files":{"tokens.bin":"%s"}}' "$hash" > "$out/manifest.json"
echo '{}'
)";

constexpr const char* kTokenizer =
    R"({"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[]},"added_tokens":[]})";

}  // namespace

CliWorld::CliWorld() : folder_(fs::temp_directory_path() / ("assay-cli-" + new_uuid())) {
  write("share/datasets/letters.toml", kDataset);
  write("share/datasets/suites/letters-ppl.toml", kSuite);
  write("share/datasets/suites/absent-ppl.toml", kAbsentSuite);
  write("share/datasets/suites/decode.toml", kDecodeSuite);
  write("share/hardware_profiles/cpu.toml", kProfile);
  write("share/python/assay_tools/__init__.py", "");
  write("data/letters.txt", "a b a b\n");
  fs::permissions(write("python", kPython), fs::perms::owner_all);
  fs::create_directories(folder_ / "model");
  const fs::path fixture = source_dir() / "tests/data/model/opt";
  fs::copy_file(fixture / "config.json", folder_ / "model/config.json");
  fs::copy_file(fixture / "model.safetensors", folder_ / "model/model.safetensors");
  write("model/tokenizer.json", kTokenizer);
  set("ASSAY_HOME", (folder_ / "home").string());
  set("ASSAY_SHARE", (folder_ / "share").string());
  set("ASSAY_DATA", (folder_ / "data").string());
  set("ASSAY_LOCKS", (folder_ / "locks").string());  // none of the machine's
  fs::create_directories(folder_ / "locks");
  set("ASSAY_PYTHON", (folder_ / "python").string());
  set("ASSAY_WORKER", (binary_dir() / "tests/fake_worker").string());
  set("HF_HOME", (folder_ / "hf").string());
  set("PATH", "/usr/bin:/bin");
}

CliWorld::~CliWorld() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

void CliWorld::set(const std::string& name, const std::string& value) {
  std::erase_if(variables_, [&](const auto& variable) { return variable.first == name; });
  variables_.emplace_back(name, value);
}

std::vector<std::string> CliWorld::environment() const {
  std::vector<std::string> list;
  for (const auto& [name, value] : variables_) list.push_back(name + "=" + value);
  return list;
}

fs::path CliWorld::write(const std::string& name, const std::string& content) const {
  const fs::path path = folder_ / name;
  fs::create_directories(path.parent_path());
  write_file_atomically(path, content);
  return path;
}

CommandOutput CliWorld::run(const std::vector<std::string>& arguments,
                            const std::function<void(long)>& on_tick) const {
  return run_program(binary_dir() / "bin" / "assay", arguments, on_tick);
}

CommandOutput CliWorld::run_on_terminal(const std::vector<std::string>& arguments,
                                        unsigned short columns) const {
  const std::string program = (binary_dir() / "bin" / "assay").string();
  std::vector<std::string> words = {program}, settings = environment();
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (std::string& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
  };
  std::vector<char*> argv = pointers(words), environment = pointers(settings);
  winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, &size);
  if (child == 0) {
    if (::chdir(folder_.c_str()) == 0) ::execve(argv[0], argv.data(), environment.data());
    ::_exit(127);
  }
  CommandOutput output;
  std::array<char, 4096> buffer{};
  // A terminal whose last writer is gone cannot be read: EIO.
  for (ssize_t got = 0; (got = ::read(terminal, buffer.data(), buffer.size())) > 0;) {
    output.out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(terminal);
  int status = 0;
  ::waitpid(child, &status, 0);
  output.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return output;
}

CommandOutput CliWorld::shell(const std::string& line) const {
  const std::string path = "PATH=" + (binary_dir() / "bin").string() + ":$PATH\n";
  return run_program("/bin/sh", {"-c", path + line}, {});
}

CommandOutput CliWorld::run_program(const fs::path& program,
                                    const std::vector<std::string>& arguments,
                                    const std::function<void(long)>& on_tick) const {
  ChildSpec spec;
  spec.program = program;
  spec.arguments = arguments;
  spec.environment = environment();
  spec.working_folder = folder_;
  spec.timeout_seconds = 300;
  CommandOutput output;
  long pid = 0;
  ChildCallbacks callbacks;
  callbacks.on_start = [&](std::int64_t started) { pid = static_cast<long>(started); };
  callbacks.on_line = [&](const std::string& line) { output.out += line + "\n"; };
  callbacks.on_tick = [&](double) {
    if (on_tick) on_tick(pid);
  };
  const ChildResult result = run_child(spec, callbacks);
  output.code = result.signal != 0 ? 128 + result.signal : result.exit_code;
  output.err = result.stderr_tail;
  output.seconds = result.wall_seconds;
  return output;
}

std::string unfolded(const std::string& text) {
  std::istringstream words(text);
  std::string all;
  for (std::string word; words >> word;) all += (all.empty() ? "" : " ") + word;
  return all;
}

std::string experiment_text(const std::string& methods, const std::string& suites) {
  return R"([experiment]
name = "small"
profiles = ["cpu"]
[measure]
processes_per_arm = 2
[[model]]
id = "./model"
[[method]]
id = "dense"
)" + methods +
         suites;
}

}  // namespace assay
