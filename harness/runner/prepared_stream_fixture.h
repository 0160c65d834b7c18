#pragma once
// Test support: a prepared folder with a stream of given tokens.

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "harness/runner/runner_test_world.h"

namespace assay::testing_world {

inline std::filesystem::path prepared_stream(const Home& home, const std::string& name,
                                             const std::vector<std::int32_t>& tokens,
                                             const std::string& format = "stream") {
  const std::filesystem::path folder = home.path() / name;
  std::filesystem::create_directories(folder);
  std::string bytes(tokens.size() * sizeof(std::int32_t), '\0');
  if (!tokens.empty()) std::memcpy(bytes.data(), tokens.data(), bytes.size());
  write_file_atomically(folder / "tokens.bin", bytes);
  write_file_atomically(folder / "manifest.json",
                        Json({{"version", 1},
                              {"format", format},
                              {"tokens", tokens.size()},
                              {"files", {{"tokens.bin", sha256_hex(bytes)}}}})
                            .dump());
  return folder;
}

}  // namespace assay::testing_world
