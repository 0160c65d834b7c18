#pragma once
// Bytes as they come -> lines, bounded.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace assay {

class LineSplitter {
 public:
  LineSplitter(std::size_t max_line, std::size_t max_total)
      : max_line_(max_line), max_total_(max_total) {}

  /// Calls `take` for every line that is complete now, without its newline. Throws
  /// std::runtime_error when a line or the whole is too long.
  void feed(std::string_view bytes, const std::function<void(const std::string&)>& take);
  /// True when bytes without a newline are left.
  [[nodiscard]] bool has_rest() const { return !rest_.empty(); }

 private:
  std::size_t max_line_, max_total_;
  std::size_t total_ = 0;
  std::string rest_;
};

}  // namespace assay
