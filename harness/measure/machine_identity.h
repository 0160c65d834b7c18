#pragma once
// Which machine this is, without saying whose.

#include <string>

#include "harness/measure/machine_files.h"

namespace assay {

struct MachineIdentity {
  /// 64 hexadecimal digits, the same after every restart. Of what the system was installed with
  /// (/etc/machine-id), the processor and the number of cores: containers of one image share the
  /// first, and where there is none the others tell kinds of machines apart, not machines.
  std::string id;
  std::string description;  ///< for people: "Intel(R) Xeon(R) Processor, 2 cores, 23.5 GiB"
};

/// Reads a few small files. The id is a hash that only assay makes: nobody can tell from it what
/// other programs call this machine.
MachineIdentity machine_identity(const MachineFiles& files = {});

}  // namespace assay
