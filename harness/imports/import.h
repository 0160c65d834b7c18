#pragma once
// Results that were measured elsewhere, out of the files of other programs. They are stored like
// measured ones, under the profile 'imported' and with conventions of their own, so that nothing is
// ever compared with them by accident; and without twins, so that they have no ratios.
//
// A format is a file under harness/imports/formats/ (import_format.h); nothing else names it.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/store/store.h"

namespace assay {

struct ImportContent;

/// A file that was read and checked as a whole.
class ImportedFile {
 public:
  explicit ImportedFile(std::unique_ptr<const ImportContent> content);
  ImportedFile(ImportedFile&&) noexcept;
  ~ImportedFile();
  [[nodiscard]] const ImportContent& content() const { return *content_; }
  [[nodiscard]] const std::string& format() const;
  /// What of the file became no value, and why; for people.
  [[nodiscard]] const std::vector<std::string>& left_out() const;

 private:
  std::unique_ptr<const ImportContent> content_;
};

struct ImportCounts {
  std::size_t cells = 0, values = 0, gaps = 0;
};

/// Names of the formats, sorted.
std::vector<std::string> import_formats();

/// Reads and checks the whole file, in the named format or, where that is empty, in the one that
/// its content shows. Throws UserError with all problems, "file:line: ..." or "file: place: ...",
/// for what is wrong with it and for a file of no known format.
ImportedFile read_import(const std::filesystem::path& file, const std::string& format = "");
/// The same of a text; `file` stands for the file's name, and nothing beside it is looked at.
ImportedFile read_import_text(std::string_view text, const std::filesystem::path& file,
                              const std::string& format = "");

/// Stores it as an experiment of this name. The same file again changes nothing.
ImportCounts store_import(Store& store, const ImportedFile& file, const std::string& experiment);

}  // namespace assay
