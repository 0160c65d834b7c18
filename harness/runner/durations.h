#pragma once
// How long child processes take, told from those that ended.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/store/store.h"

namespace assay {

struct SecondsRange {
  double low = 0, high = 0;
};

/// What decides how long a process takes.
struct ProcessKind {
  std::string pass;    ///< "fit", "score", "time", "count"
  std::string method;  ///< with its parameters
  std::string model;
  std::string suite;  ///< with its parameters; of a fit empty
  std::string profile;
};

/// One text of a name and its parameters, as ProcessKind has them.
std::string with_params(const std::string& name, const std::string& params);

class Durations {
 public:
  Durations() = default;
  /// Of earlier runs on this machine.
  explicit Durations(const std::vector<ProcessSpan>& earlier);

  void add(const ProcessKind& kind, double seconds);
  /// From the shortest to the longest that is known of processes that did the same; else of those
  /// that did it with another method, a single one of which says half to double; else, twice as
  /// wide, of all of the pass. Absent when none of the pass has ended yet.
  [[nodiscard]] std::optional<SecondsRange> expected(const ProcessKind& kind) const;

 private:
  struct Seen {
    SecondsRange range;
    std::size_t count = 0;
  };
  void take(const ProcessKind& kind, const Seen& seen);
  std::map<std::string, Seen> same_, other_methods_, passes_;
};

}  // namespace assay
