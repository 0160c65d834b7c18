#include "reports/short_names.h"

#include <algorithm>
#include <map>
#include <set>

namespace assay {
namespace {

bool names_parameter(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

/// "4" of "bits=4"; the word itself where it is no parameter with a value.
std::string value_of(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals + 1 == word.size()) return word;
  return names_parameter(word.substr(0, equals)) ? word.substr(equals + 1) : word;
}

std::string without_names(const std::string& label) {
  std::string text;
  std::size_t begin = 0;
  while (begin <= label.size()) {
    const std::size_t end = std::min(label.find(' ', begin), label.size());
    text += (begin == 0 ? "" : " ") + value_of(label.substr(begin, end - begin));
    begin = end + 1;
  }
  return text;
}

}  // namespace

std::vector<std::string> short_names(const std::vector<std::string>& labels) {
  std::map<std::string, std::set<std::string>> meanings;
  for (const std::string& label : labels) {
    meanings[without_names(label)].insert(label);
    meanings[label].insert(label);
  }
  std::vector<std::string> names;
  for (const std::string& label : labels) {
    const std::string name = without_names(label);
    names.push_back(meanings.at(name).size() == 1 ? name : label);
  }
  return names;
}

std::vector<std::pair<std::string, std::string>> shortened(const std::vector<std::string>& labels,
                                                           const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::pair<std::string, std::string> pair{names[i], labels[i]};
    const bool known = std::find(pairs.begin(), pairs.end(), pair) != pairs.end();
    if (names[i] != labels[i] && !known) pairs.push_back(pair);
  }
  return pairs;
}

}  // namespace assay
