#pragma once
// Test support: what the builds with sanitizers cannot do.

namespace assay {

/// Their runtimes reserve terabytes of addresses: nothing of theirs starts where memory is limited
/// by the address space (RLIMIT_AS). And they ask whether memory is readable by writing it to a
/// pipe: where no more files may be opened, they take every object for a broken one.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

}  // namespace assay
