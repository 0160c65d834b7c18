#pragma once
// What every fuzz target defines: takes one input, and returns 0. What it throws or does wrong is a
// finding; errors that the reader documents are caught in the target.

#include <cstddef>
#include <cstdint>

// The name is libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(
    const std::uint8_t* data,  // NOLINT(readability-identifier-naming)
    std::size_t size);
