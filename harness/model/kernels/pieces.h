#pragma once
// Work shared out in pieces. For files of this folder: at::parallel_for is serial elsewhere.

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace assay {

/// Weight bytes (or bytes of codes) of a piece of work: some microseconds of reading.
inline constexpr std::int64_t kPieceBytes = 64 * 1024;

/// call(begin, end) for each piece of [0, total). Threads take pieces as they come: one that the
/// system has stopped for a while holds up a piece, not half of the work. No thread is woken for a
/// single piece. Pieces must not depend on each other.
template <typename Call>
void for_each_piece(std::int64_t total, std::int64_t piece, const Call& call) {
  const std::int64_t pieces = (total + piece - 1) / piece;
  std::atomic<std::int64_t> next{0};
  at::parallel_for(0, std::min<std::int64_t>(pieces, at::get_num_threads()), 1,
                   [&](std::int64_t, std::int64_t) {
                     for (std::int64_t i = next++; i < pieces; i = next++) {
                       call(i * piece, std::min(total, (i + 1) * piece));
                     }
                   });
}

}  // namespace assay
