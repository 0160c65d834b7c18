#pragma once
// Results that were measured elsewhere, out of a CSV file. They are stored like measured ones,
// under the profile 'imported' and with conventions of their own, so that nothing is ever compared
// with them by accident; and without twins, so that they have no ratios.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "harness/store/store.h"

namespace assay {

struct ImportCounts {
  std::size_t cells = 0, values = 0, gaps = 0;
};

/// A file that was read and checked as a whole.
class ImportedFile {
 public:
  struct Content;  ///< internal
  explicit ImportedFile(std::unique_ptr<const Content> content);
  ImportedFile(ImportedFile&&) noexcept;
  ~ImportedFile();
  [[nodiscard]] const Content& content() const { return *content_; }

 private:
  std::unique_ptr<const Content> content_;
};

/// Reads and checks the whole file; throws UserError with all problems,
/// "file:line: ...". Columns: model, method, suite, metric, value (needed); params, params.NAME,
/// suite_params, suite.NAME, unit, direction, convention, seed, lo, hi, n, status, reason,
/// random_weights, limited. What `assay report --format csv` writes can be read back: its other
/// columns are passed over. An empty value is a gap and stays one.
ImportedFile read_import(const std::filesystem::path& file);
/// The same of a text; `file` stands for the file's name.
ImportedFile read_import_text(std::string_view text, const std::filesystem::path& file);

/// Stores it as an experiment of this name. The same file again changes nothing.
ImportCounts store_import(Store& store, const ImportedFile& file, const std::string& experiment);

}  // namespace assay
