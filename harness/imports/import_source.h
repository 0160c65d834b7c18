#pragma once
// The text of a file to import, and the JSON documents in it.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/json.h"

namespace assay {

/// A document and the line on which it begins, from 1.
struct ImportDocument {
  std::size_t line = 1;
  Json value;
};

/// The documents of a text: one, or one a line where the first line is a whole document. Throws
/// UserError "FILE:LINE: not valid JSON ...", with what to do about NaN and infinity.
std::vector<ImportDocument> import_documents(std::string_view text, const std::string& file);

class ImportSource {
 public:
  /// `beside`: whether other files of its folder belong to it.
  ImportSource(std::filesystem::path file, std::string_view text, bool beside)
      : file_(std::move(file)), text_(text), beside_(beside) {}

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] bool beside() const { return beside_; }
  /// True where the text begins as a JSON object or array does.
  [[nodiscard]] bool is_json() const;
  /// Parsed once, at the first call; throws as import_documents().
  [[nodiscard]] const std::vector<ImportDocument>& documents() const;

 private:
  std::filesystem::path file_;
  std::string_view text_;
  bool beside_;
  mutable std::vector<ImportDocument> documents_;
};

}  // namespace assay
