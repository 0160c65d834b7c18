#pragma once
// Which processes are ours, and the end of those that a child leaves behind. Internal to
// harness/process.
//
// This program and every child of it are "subreapers": a process whose parent has ended becomes a
// child of the nearest one above it, in whatever group or session it put itself. So while a child
// lives all its descendants are below it, and when it has ended those that are left are ours. Being
// none that we started, and not in our own group (as what other code of this program forks is),
// they are told from the rest.

#include <sys/resource.h>
#include <sys/types.h>

#include <mutex>

namespace assay {

/// Held while a child is started and until it is added: nobody takes it for a left one meanwhile.
std::unique_lock<std::mutex> lock_children();
/// With the lock held.
void add_child(pid_t pid);

/// Waits for the end of a child, kills its group and all that it left running, and collects it.
/// Returns its status as waitpid() does. Throws MachineError when somebody else collected it.
int collect_child(pid_t pid, rusage* usage = nullptr);

}  // namespace assay
