#pragma once
// SHA-256, the identity of everything that assay caches or compares.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace assay {

/// Incremental SHA-256. Not copyable; finish once.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view bytes);
  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_hex(std::string_view bytes);

/// Hash of a file's content. Throws UserError when it cannot be read.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace assay
