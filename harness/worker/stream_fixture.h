#pragma once
// Test support: a prepared stream, as `prepare-stream` leaves it.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/base/hashing.h"
#include "harness/base/json.h"

namespace assay {

inline void write_stream(const std::filesystem::path& folder,
                         const std::vector<std::int32_t>& tokens) {
  const std::string bytes(reinterpret_cast<const char*>(tokens.data()),
                          tokens.size() * sizeof(std::int32_t));
  const Json manifest = {{"version", 1},
                         {"format", "stream"},
                         {"tokens", tokens.size()},
                         {"notes", {{{"code", "data_not_pinned"}, {"text", "another file"}}}},
                         {"files", {{"tokens.bin", sha256_hex(bytes)}}}};
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "manifest.json") << manifest.dump();
  std::ofstream(folder / "tokens.bin", std::ios::binary) << bytes;
}

}  // namespace assay
