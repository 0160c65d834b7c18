#pragma once
// Where the code of a column lies in a packed row. The same on every processor and on CUDA.
//
// A row is cut into units of 32 columns; a last unit that is not full is filled with code 0. Unit u
// is `words` 16-bit words, least significant byte first, one unit after the other. Column c of a
// unit is field c / words, counted from the lowest bits, of word c % words:
//
//   bits      2   3   4   8
//   field     2   2   4   8   bits of a field
//   words     4   4   8  16   words of a unit: 2 * field
//   fields    8   8   4   2   codes of a word: 16 / field
//
// So one shift and one mask take a code out of every word of a vector, and consecutive words are
// consecutive columns. With 3 bits the fields hold the lower two, and behind all units of the row
// come the upper bits: 4 bytes a unit, byte w bit f for field f of word w.

#include <cstdint>

namespace assay {

/// Columns of a unit.
inline constexpr std::int64_t kPackedUnit = 32;

constexpr std::int64_t packed_field(std::int64_t bits) { return bits == 3 ? 2 : bits; }
constexpr std::int64_t packed_words(std::int64_t bits) { return 2 * packed_field(bits); }
constexpr std::int64_t packed_fields(std::int64_t bits) { return 16 / packed_field(bits); }

constexpr std::int64_t packed_units(std::int64_t cols) {
  return (cols + kPackedUnit - 1) / kPackedUnit;
}

/// Bytes of the words of a row, in front of the upper bits of 3-bit codes.
constexpr std::int64_t packed_word_bytes(std::int64_t cols, std::int64_t bits) {
  return packed_units(cols) * packed_words(bits) * 2;
}

constexpr std::int64_t packed_row_bytes(std::int64_t cols, std::int64_t bits) {
  return packed_units(cols) * (kPackedUnit / 8) * bits;
}

}  // namespace assay
