#pragma once
// Scores that outlive the worker which computed them.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/descriptor.h"

namespace assay {

/// The numbers of a suite's batches, which always come in the same order. A score that is killed
/// goes on behind its last whole batch, and one that fails when its batches are added up is added
/// up again without a pass of the model. Not thread-safe.
class ScoreLog {
 public:
  /// Keeps nothing.
  ScoreLog() = default;
  /// Opens `file`, or begins it where it is missing, damaged from its beginning on, or of another
  /// `identity`: everything that decides the numbers, bit by bit. Where another program writes to
  /// it, or it cannot be written, nothing is kept.
  ScoreLog(const std::filesystem::path& file, const std::string& identity);

  /// `compute`s the `count` numbers of the next batch, or gives back what an earlier worker
  /// computed. Throws std::logic_error where `compute` returns more or fewer. NaN and infinity are
  /// kept as they are.
  std::vector<double> next(std::size_t count, const std::function<std::vector<double>()>& compute);

  /// Batches that were not computed anew.
  [[nodiscard]] std::int64_t given_back() const { return given_back_; }
  /// Largest peak of resident memory (bytes) of the workers that computed what was given back.
  [[nodiscard]] std::int64_t peak_bytes() const { return peak_bytes_; }

 private:
  struct Batch {
    std::int64_t peak_bytes = 0;
    std::vector<double> numbers;
  };
  /// Batches behind a right beginning; where the last whole one ends.
  std::size_t read(std::string_view text, const std::string& identity);
  void append(const std::string& body);
  [[nodiscard]] bool knows_next(std::size_t count);
  void keep(const std::vector<double>& numbers);

  Descriptor file_{-1};
  std::vector<Batch> known_;
  std::int64_t given_back_ = 0;
  std::int64_t peak_bytes_ = 0;
};

}  // namespace assay
