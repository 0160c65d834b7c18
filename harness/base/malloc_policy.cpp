#include "harness/base/malloc_policy.h"

#include <malloc.h>

#include <limits>

namespace assay {

void keep_freed_memory() {
  constexpr int kLargestKept = 32 << 20;  // the most that glibc takes
  constexpr int kNeverTrim = std::numeric_limits<int>::max();
  mallopt(M_MMAP_THRESHOLD, kLargestKept);
  mallopt(M_TRIM_THRESHOLD, kNeverTrim);
}

void return_freed_memory() { malloc_trim(0); }

}  // namespace assay
