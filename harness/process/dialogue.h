#pragma once
// A child process that answers line by line. It is started as those of run_child() are: its own
// process group, listed environment, no descriptors of ours, and it dies with the thread that
// started it.

#include <sys/types.h>

#include <deque>
#include <stdexcept>
#include <string>

#include "harness/process/child.h"
#include "harness/process/line_splitter.h"

namespace assay {

/// The child ended, was silent for too long, or wrote too much. The text says which, and ends with
/// the end of its standard error.
class DialogueError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Dialogue {
 public:
  /// Starts the child; of `spec`, `input` plays no part, and `timeout_seconds` is that of one
  /// answer. Throws MachineError when it cannot be started.
  explicit Dialogue(const ChildSpec& spec);
  /// Closes the child's standard input, gives it `grace_seconds` to end, and kills its group.
  ~Dialogue();
  Dialogue(const Dialogue&) = delete;
  Dialogue& operator=(const Dialogue&) = delete;

  /// Sends a line, which has no newline in it, and waits for one. Throws DialogueError, after which
  /// nothing more can be asked.
  std::string exchange(const std::string& line);

 private:
  void send(std::string& unsent) const;
  void wait(double deadline, bool is_sending);
  void collect();
  bool read_from(int& descriptor, bool is_output);
  void end(double grace_seconds);
  [[noreturn]] void fail(const std::string& why);

  ChildSpec spec_;
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  LineSplitter lines_;
  std::deque<std::string> answers_;
  std::string stderr_tail_, how_it_ended_;
};

}  // namespace assay
