#pragma once
// What this process does with memory that it freed. The allocator's default suits neither a model
// that runs layer after layer nor somebody who wants to know what is in use.

namespace assay {

/// Keeps it, instead of giving blocks of some megabytes back to the kernel and getting them again,
/// zeroed page by page, at the next layer. For good, once called.
void keep_freed_memory();

/// Gives what was kept until now back to the kernel, so that the resident set counts what is in
/// use.
void return_freed_memory();

}  // namespace assay
