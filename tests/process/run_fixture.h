#pragma once
// Running fixture.cpp as a child.

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

/// "OUTCOME code".
inline std::string named(const OutcomeReason& reason) {
  return std::string(outcome_name(reason.outcome)) + " " + reason.code;
}

}  // namespace assay
