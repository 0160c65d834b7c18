#include "harness/measure/affinity.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "harness/base/cell_errors.h"
#include "harness/base/text.h"

namespace assay {
namespace {

std::string core_list(const std::vector<int>& cores) {
  std::vector<std::string> texts;
  for (const int core : cores) texts.push_back(std::to_string(core));
  return join(texts, ", ");
}

}  // namespace

std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

void pin_to_cores(const std::vector<int>& cores) {
  if (cores.empty()) return;
  const std::vector<int> allowed = allowed_cores();
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) {
    if (std::find(allowed.begin(), allowed.end(), core) == allowed.end()) {
      throw NotOnThisMachine("core " + std::to_string(core) + " is not available; allowed here: " +
                             core_list(allowed) + "; change 'cores' of the hardware profile");
    }
    CPU_SET(core, &set);
  }
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    throw MachineError("cannot pin to cores " + core_list(cores) + ": " + std::strerror(errno));
  }
}

}  // namespace assay
