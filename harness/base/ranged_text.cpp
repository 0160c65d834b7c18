#include "harness/base/ranged_text.h"

#include <cctype>
#include <cstdlib>
#include <string_view>

namespace assay {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_letter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool can_precede(char c) {
  return !is_letter(c) && std::string_view(".-/:").find(c) == std::string_view::npos;
}

std::size_t skip_digits(const std::string& text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

/// Where the number that begins at `at` ends; `at` when none does.
std::size_t end_of_number(const std::string& text, std::size_t at) {
  std::size_t end = skip_digits(text, at);
  if (end == at) return at;
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
    end = skip_digits(text, end + 1);
  }
  const std::size_t after = end < text.size() && text[end] == 'x' ? end + 1 : end;
  if (after == text.size()) return end;
  const bool goes_on = is_letter(text[after]) ||
                       (std::string_view(".-/:").find(text[after]) != std::string_view::npos &&
                        after + 1 < text.size() && is_letter(text[after + 1]));
  return goes_on ? at : end;
}

double value_of(const std::string& number) { return std::strtod(number.c_str(), nullptr); }

}  // namespace

RangedText::RangedText(const std::string& text) : words_(1) {
  for (std::size_t at = 0; at < text.size();) {
    const bool begins = at == 0 || can_precede(text[at - 1]);
    const std::size_t end = begins ? end_of_number(text, at) : at;
    if (end == at) {
      words_.back() += text[at++];
      continue;
    }
    const std::string number = text.substr(at, end - at);
    numbers_.push_back({number, number});
    words_.emplace_back();
    at = end;
  }
}

std::string RangedText::pattern() const {
  std::string pattern;
  for (const std::string& words : words_) pattern += words + '\n';
  return pattern;
}

void RangedText::widen(const RangedText& other) {
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    Number& own = numbers_[i];
    const Number& its = other.numbers_[i];
    if (value_of(its.least) < value_of(own.least)) own.least = its.least;
    if (value_of(its.most) > value_of(own.most)) own.most = its.most;
  }
}

std::string RangedText::text() const {
  std::string text = words_.front();
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    const auto& [least, most] = numbers_[i];
    text += least;
    if (least != most) text.append(" to ").append(most);
    text += words_[i + 1];
  }
  return text;
}

}  // namespace assay
