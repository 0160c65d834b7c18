#pragma once
// Test support: `assay` with the real worker, and plug-ins of the build.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/store/store.h"
#include "tests/cli/cli_world.h"
#include "tests/support/build_paths.h"

namespace assay {

inline std::string plugin_file(const std::string& name) {
  return (binary_dir() / "tests" / ("lib" + name + ".so")).string();
}

constexpr const char* kTimedSuite =
    "[[suite]]\nid = \"decode\"\nprompt_tokens = 8\nnew_tokens = 4\nmeasured_calls = 1\n";

class PluginsWorld : public testing::Test {
 protected:
  PluginsWorld() { world_.set("ASSAY_WORKER", (binary_dir() / "bin/assay-worker").string()); }

  /// An experiment of dense and this method of this plug-in, run.
  CommandOutput run_method(const std::string& plugin, const std::string& method,
                           const std::string& measure = "") {
    std::string text = experiment_text("[[method]]\nid = \"" + method + "\"\n", kTimedSuite);
    text.replace(text.find("profiles"), 0, "plugins = [\"" + plugin_file(plugin) + "\"]\n");
    text.replace(text.find("[[model]]"), 0, measure);
    world_.write("e.toml", text);
    return world_.run({"run", "e.toml"});
  }
  /// "OK", "CRASHED signal:SIGSEGV": of the method's cell.
  [[nodiscard]] std::string status_of(const std::string& method) const {
    const Store store = Store::open_read_only(world_ / "results.db");
    for (const ResultRow& row : store.results("small")) {
      if (row.method == method) return row.status;
    }
    return "not there";
  }

  CliWorld world_;
};

}  // namespace assay
