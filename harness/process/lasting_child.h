#pragma once
// A child that answers more than once.

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "harness/process/child.h"

namespace assay {

class ChildWatch;

/// A child that is asked several things, one after the other: its standard input stays open in
/// between. Started, limited and ended like those of run_child(). Used by the thread that made it.
class LastingChild {
 public:
  /// Starts it; `spec.input` plays no part. Throws MachineError when it cannot be started.
  explicit LastingChild(ChildSpec spec);
  /// As end().
  ~LastingChild();
  LastingChild(const LastingChild&) = delete;
  LastingChild& operator=(const LastingChild&) = delete;

  /// Sends `input` and watches the child until `is_answered`, which is asked after each line, or
  /// until the child has ended. The time limit and the bounds of the output are those of one
  /// question, and so is the result, its CPU time included; the peak of a child that lives on is
  /// that of its life so far. Not to be called once a result says that it does not live on.
  ChildResult ask(const std::string& input, const ChildCallbacks& callbacks,
                  const std::function<bool()>& is_answered, const std::stop_token& stop = {},
                  const std::stop_token& kill = {});
  /// Closes its input, gives it the grace time to end, and kills its group. Not to be called once
  /// it has ended.
  ChildResult end();
  [[nodiscard]] bool has_ended() const;

 private:
  ChildSpec spec_;
  std::unique_ptr<ChildWatch> watch_;
};

}  // namespace assay
