#pragma once
// Running fixture.cpp as a child.

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "harness/process/child.h"
#include "harness/process/classify.h"

namespace assay {

/// The program of fixture.cpp, called with these arguments.
inline ChildSpec fixture(std::vector<std::string> arguments) {
  ChildSpec spec;
  spec.program = ASSAY_FIXTURE;
  spec.arguments = std::move(arguments);
  return spec;
}

/// How a child ended, and the lines that it wrote.
struct Finished {
  ChildResult result;
  std::vector<std::string> lines;
};

inline Finished run(const ChildSpec& spec, std::stop_token stop = {}) {
  Finished finished;
  ChildCallbacks callbacks;
  callbacks.on_line = [&](const std::string& line) { finished.lines.push_back(line); };
  finished.result = run_child(spec, callbacks, stop);
  return finished;
}

/// True once the process is gone or a zombie that somebody else has to collect.
inline bool gone(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(')');
  return name_end == std::string::npos || text.at(name_end + 2) == 'Z';
}

inline bool gone_soon(std::int64_t pid) {
  for (int i = 0; i < 500 && !gone(pid); ++i) ::usleep(10000);
  return gone(pid);
}

/// "OUTCOME code".
inline std::string named(const OutcomeReason& reason) {
  return std::string(outcome_name(reason.outcome)) + " " + reason.code;
}

}  // namespace assay
