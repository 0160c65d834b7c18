#include "harness/data/class_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

/// Letters and digits, in lower case.
std::string plain_name(const std::string& name) {
  std::string plain;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0) plain += static_cast<char>(std::tolower(byte));
  }
  return plain;
}

/// What a configuration has where nobody named the classes: "LABEL_0", or the number alone.
bool says_nothing(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] != fmt::format("LABEL_{}", i) && names[i] != std::to_string(i)) return false;
  }
  return true;
}

std::vector<std::string> sorted_names(const std::vector<std::string>& names) {
  std::vector<std::string> sorted;
  std::ranges::transform(names, std::back_inserter(sorted), plain_name);
  std::ranges::sort(sorted);
  return sorted;
}

/// "2 classes (negative, positive)"
std::string in_words(std::int64_t count, const std::vector<std::string>& names) {
  if (names.empty()) return fmt::format("{} classes", count);
  return fmt::format("{} classes ({})", count, fmt::join(names, ", "));
}

}  // namespace

bool same_class(const std::string& one, const std::string& other) {
  return plain_name(one) == plain_name(other);
}

void require_same_classes(std::int64_t classes, const std::vector<std::string>& of_model,
                          const std::vector<std::string>& of_data) {
  if (classes != std::ssize(of_data)) {
    throw DoesNotApply(fmt::format(
        "the model's classifier has {}, the data have {}; take a model with these classes or "
        "without a classifier, or other data",
        in_words(classes, of_model), in_words(std::ssize(of_data), of_data)));
  }
  if (says_nothing(of_model) || std::ranges::equal(of_model, of_data, same_class)) return;
  const bool reordered = sorted_names(of_model) == sorted_names(of_data);
  throw Misleading(
      reordered ? "label_order" : "label_names",
      fmt::format(
          "the model's classes are {}, those of the data are {}: {}", fmt::join(of_model, ", "),
          fmt::join(of_data, ", "),
          reordered
              ? "the same in another order, so that right answers would count as wrong; number "
                "`labels` in the data set's manifest as the model does"
              : "nobody can tell which is which; name them alike, in `labels` of the data set's "
                "manifest or in `id2label` of the model's config.json"));
}

}  // namespace assay
