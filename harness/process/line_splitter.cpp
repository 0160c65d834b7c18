#include "harness/process/line_splitter.h"

#include <stdexcept>

namespace assay {

void LineSplitter::feed(std::string_view bytes,
                        const std::function<void(const std::string&)>& take) {
  total_ += bytes.size();
  if (total_ > max_total_) {
    throw std::runtime_error("more than " + std::to_string(max_total_) + " bytes of output");
  }
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    rest_ += bytes.substr(0, end);
    if (rest_.size() > max_line_) {
      throw std::runtime_error("a line longer than " + std::to_string(max_line_) + " bytes");
    }
    if (end == std::string_view::npos) return;
    take(rest_);
    rest_.clear();
    bytes.remove_prefix(end + 1);
  }
}

}  // namespace assay
