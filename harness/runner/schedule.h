#pragma once
// The order in which the processes of a timing group run.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace assay {

/// One place in the order of a timing group.
struct Turn {
  std::size_t arm = 0;
  std::size_t block = 0;
};

/// Blocks that read the same backwards: every arm in an order drawn for this block, then in reverse
/// (A B B A or B A A B), so that a steady drift of the machine touches all arms alike and which arm
/// comes first is chance. `processes` turns an arm; an odd number leaves half a block at the end.
/// The same for the same seed on every machine.
std::vector<Turn> interleaved_order(std::size_t arms, std::size_t processes, std::uint64_t seed);

/// A permutation of 0..n-1, the same for the same seed on every machine.
std::vector<std::size_t> seeded_order(std::size_t n, std::uint64_t seed);

}  // namespace assay
