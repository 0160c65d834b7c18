#pragma once
// A database to import into, and what is wrong with a text.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/imports/import.h"
#include "harness/imports/import_content.h"
#include "harness/store/store_fixture.h"
#include "tests/support/build_paths.h"

namespace assay {

class ImportedTest : public ::testing::Test {
 protected:
  ImportCounts import(const ImportedFile& file) { return store_import(store_, file, "published"); }
  ImportCounts import(const Json& document) {
    return import(read_import_text(document.dump(), "x.json"));
  }
  /// Rows by suite and metric.
  [[nodiscard]] std::map<std::pair<std::string, std::string>, ResultRow> rows() const {
    std::map<std::pair<std::string, std::string>, ResultRow> found;
    for (const ResultRow& row : store_.results("published")) found[{row.suite, row.metric}] = row;
    return found;
  }
  static std::string problems(const std::string& text, const std::string& format = "") {
    try {
      (void)read_import_text(text, "x.json", format);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }
  static std::string problems(const Json& document) { return problems(document.dump()); }
  static std::filesystem::path data(const std::string& name) {
    return source_dir() / "tests/data/imports" / name;
  }

  TemporaryFolder folder_;
  Store store_ = Store::open(folder_.path() / "r.db");
};

}  // namespace assay
