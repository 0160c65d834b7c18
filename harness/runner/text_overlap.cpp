#include "harness/runner/text_overlap.h"

#include <algorithm>
#include <span>
#include <unordered_map>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/data/prepared_folder.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

using Tokens = std::span<const std::int32_t>;

std::vector<std::int32_t> read_stream(const fs::path& folder) {
  const PreparedFolder prepared(folder, "stream");
  return prepared.read_array<std::int32_t>("tokens.bin", prepared.count("tokens"));
}

/// Sum of token[i] * kBase^(length - 1 - i), modulo 2^64: a stretch's from that of the one before.
class RollingHash {
 public:
  explicit RollingHash(std::size_t length) {
    for (std::size_t i = 1; i < length; ++i) highest_ *= kBase;
  }
  [[nodiscard]] static std::uint64_t of(Tokens tokens) {
    std::uint64_t hash = 0;
    for (const std::int32_t token : tokens) hash = hash * kBase + digit(token);
    return hash;
  }
  [[nodiscard]] std::uint64_t next(std::uint64_t hash, std::int32_t gone, std::int32_t come) const {
    return (hash - digit(gone) * highest_) * kBase + digit(come);
  }

 private:
  static constexpr std::uint64_t kBase = 0x9E3779B97F4A7C15;
  /// Never 0: leading tokens count.
  static std::uint64_t digit(std::int32_t token) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(token)) + 1;
  }
  std::uint64_t highest_ = 1;
};

/// Stretches that are alike are one entry.
struct Stretch {
  std::int64_t begin = 0;  ///< of the first
  std::int64_t count = 0;
  bool found = false;
};

using Stretches = std::unordered_map<std::uint64_t, Stretch>;

Stretches stretches_of(Tokens text, std::size_t length) {
  Stretches stretches;
  for (std::size_t begin = 0; begin + length <= text.size(); begin += length) {
    Stretch& stretch = stretches[RollingHash::of(text.subspan(begin, length))];
    if (stretch.count++ == 0) stretch.begin = static_cast<std::int64_t>(begin);
  }
  return stretches;
}

/// Whether this is the stretch and not only one with its hash.
bool is_at(Tokens text, const Stretch& stretch, Tokens found) {
  return std::ranges::equal(text.subspan(static_cast<std::size_t>(stretch.begin), found.size()),
                            found);
}

TextOverlap overlap(Tokens trained, Tokens evaluated) {
  const std::size_t length = std::min<std::size_t>(kOverlapTokens, evaluated.size());
  TextOverlap overlap;
  if (length == 0) return overlap;
  overlap.stretches = static_cast<std::int64_t>(evaluated.size() / length);
  if (trained.size() < length) return overlap;
  Stretches stretches = stretches_of(evaluated, length);
  const RollingHash rolling(length);
  std::uint64_t hash = RollingHash::of(trained.first(length));
  for (std::size_t begin = 0;; ++begin) {
    const auto known = stretches.find(hash);
    if (known != stretches.end() && !known->second.found &&
        is_at(evaluated, known->second, trained.subspan(begin, length))) {
      known->second.found = true;
      if (overlap.known == 0) {
        overlap.training = static_cast<std::int64_t>(begin);
        overlap.evaluation = known->second.begin;
      }
      overlap.known += known->second.count;
    }
    if (begin + length >= trained.size()) return overlap;
    hash = rolling.next(hash, trained[begin], trained[begin + length]);
  }
}

}  // namespace

TextOverlap text_overlap(const fs::path& training, const fs::path& evaluation,
                         std::int64_t trained) {
  return from_files([&] {
    const std::vector<std::int32_t> text = read_stream(training), judged = read_stream(evaluation);
    const auto all = static_cast<std::int64_t>(text.size());
    const std::int64_t used = trained > 0 ? std::min(trained, all) : all;
    return overlap(Tokens(text).first(static_cast<std::size_t>(used)), judged);
  });
}

}  // namespace assay
