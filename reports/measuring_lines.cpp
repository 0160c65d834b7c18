#include "reports/measuring_lines.h"

#include <fmt/format.h>

#include "harness/base/text.h"

namespace assay {
namespace {

std::string share(double part, double whole) {
  return fmt::format("{} ({:.2g} %)", human_seconds(part), whole > 0 ? 100 * part / whole : 0);
}

}  // namespace

std::string overhead_line(const HarnessOverhead& overhead) {
  const double wall = overhead.wall;
  return fmt::format(
      "Harness overhead: {} fits, scores and timed processes took {}; of it starting programs {}, "
      "reading models {}; "
      "between processes {}; CPU time of assay itself {}.",
      overhead.processes, human_seconds(wall), share(overhead.start, wall),
      share(overhead.load, wall), share(overhead.between, wall), share(overhead.parent_cpu, wall));
}

}  // namespace assay
