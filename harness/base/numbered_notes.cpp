#include "harness/base/numbered_notes.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace assay {

bool speaks_of_subject(const std::string& code) {
  constexpr std::array<std::string_view, 3> kSubjects = {"data_", "model_", "items_"};
  return std::ranges::any_of(kSubjects, [&](auto prefix) { return code.starts_with(prefix); });
}

std::size_t NumberedNotes::number(const std::string& key, const RangedText& text) {
  const auto [place, added] = places_.emplace(key, texts_.size() + 1);
  if (added) {
    texts_.push_back(text);
  } else {
    texts_[place->second - 1].widen(text);
  }
  return place->second;
}

std::size_t NumberedNotes::of_text(const std::string& text) {
  return number("=" + text, RangedText(text));
}

std::size_t NumberedNotes::of_remark(const std::string& code, const std::string& text) {
  if (speaks_of_subject(code)) return of_text(text);
  const RangedText ranged(text);
  return number("~" + ranged.pattern(), ranged);
}

std::vector<std::string> NumberedNotes::list() const {
  std::vector<std::string> list;
  list.reserve(texts_.size());
  for (const RangedText& text : texts_) list.push_back(text.text());
  return list;
}

}  // namespace assay
