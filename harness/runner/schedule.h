#pragma once
// The order in which the processes of a timing group run.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace assay {

/// A B B A: every arm once a block, each block in the reverse order of the one before, so that a
/// steady drift of the machine touches all arms alike. Returns arm indices, arms * blocks of them.
std::vector<std::size_t> interleaved_order(std::size_t arms, std::size_t blocks);

/// A permutation of 0..n-1, the same for the same seed on every machine.
std::vector<std::size_t> seeded_order(std::size_t n, std::uint64_t seed);

}  // namespace assay
