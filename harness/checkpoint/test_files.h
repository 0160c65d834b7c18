#pragma once
// Test support: temporary folders, hand-made safetensors files, small model directories.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/json.h"
#include "tests/support/build_paths.h"

namespace assay {

/// A fresh folder that goes away at the end of the test.
class TemporaryFolder {
 public:
  TemporaryFolder() : path_(std::filesystem::temp_directory_path() / ("assay-" + new_uuid())) {
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_bytes(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Length, header and data as the format has them; nothing is checked.
inline std::string safetensors_bytes(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  return file + header + data;
}

inline std::filesystem::path golden_model(const std::string& name) {
  return source_dir() / "tests" / "data" / "model" / name;
}

/// Message of the UserError that `act` throws; fails the test when it throws none.
inline std::string user_error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const UserError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no UserError";
  return "";
}

}  // namespace assay
