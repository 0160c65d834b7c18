#pragma once
// Texts that differ in their numbers alone, said once.

#include <string>
#include <vector>

namespace assay {

/// A sentence in which numbers may become ranges: "took 3.6 % longer" and "took 4.1 % longer" are
/// "took 3.6 to 4.1 % longer". A number stands by itself or before an x ("2.1x"); digits within
/// words, paths, dates and after a minus are words.
class RangedText {
 public:
  explicit RangedText(const std::string& text);

  /// Equal for texts that differ in their numbers alone.
  [[nodiscard]] std::string pattern() const;
  /// Takes in the numbers of a text with the same pattern.
  void widen(const RangedText& other);
  [[nodiscard]] std::string text() const;

 private:
  struct Number {
    std::string least, most;  ///< as they were written
  };

  std::vector<std::string> words_;  ///< around the numbers: one more than there are of them
  std::vector<Number> numbers_;
};

}  // namespace assay
