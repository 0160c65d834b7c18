#pragma once
// Starting a child. The only place that includes Boost.Process.

#include <sys/types.h>

#include "harness/process/child.h"

namespace assay {

/// A started child: its pid, and our ends of its pipes (close-on-exec, owned by the caller).
struct LaunchedChild {
  pid_t pid = -1;
  int in = -1;  ///< a socket, of launch_with_open_input() alone
  int out = -1;
  int err = -1;
};

/// Throws MachineError when the program cannot be started; nothing is left open then. The child
/// must be given to collect_child() (descendants.h). `memory_group`: the entrance of the one
/// (memory_group.h) that holds the spec's limit; the limit is one of address space where there is
/// none, or it does not let the child in.
LaunchedChild launch(const ChildSpec& spec, int memory_group = -1);

/// The same for a child that is written to while it runs; `spec.input` plays no part.
LaunchedChild launch_with_open_input(const ChildSpec& spec, int memory_group = -1);

}  // namespace assay
