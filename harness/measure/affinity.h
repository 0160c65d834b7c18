#pragma once
// Which cores this process may use.

#include <vector>

namespace assay {

/// Cores that the scheduler may give to the calling thread, ascending.
std::vector<int> allowed_cores();

/// Binds the calling thread, and every thread it starts from now on, to these cores; nothing when
/// empty. Throws MachineError naming the allowed ones when one of them is not allowed.
void pin_to_cores(const std::vector<int>& cores);

}  // namespace assay
