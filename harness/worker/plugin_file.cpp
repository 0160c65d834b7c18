#include "harness/worker/plugin_file.h"

#include <elf.h>
#include <fmt/format.h>

#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/method/plugin.h"

namespace assay {
namespace {

constexpr const char* kBuiltWith = "{" ASSAY_PLUGIN_BUILT_WITH "}";
#if defined(__x86_64__)
constexpr int kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int kMachine = EM_AARCH64;
#else
#error "name the machine of ELF files here"
#endif

/// The `size` bytes from `at` on; nothing where the file does not have them.
std::optional<std::string_view> part(std::string_view file, std::uint64_t at, std::uint64_t size) {
  if (at > file.size() || size > file.size() - at) return std::nullopt;
  return file.substr(at, size);
}

template <typename Header>
std::optional<Header> header_at(std::string_view file, std::uint64_t at) {
  const auto bytes = part(file, at, sizeof(Header));
  if (!bytes) return std::nullopt;
  Header header;
  std::memcpy(&header, bytes->data(), sizeof header);
  return header;
}

bool is_library(const Elf64_Ehdr& header) {
  return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
         header.e_type == ET_DYN && header.e_machine == kMachine &&
         header.e_shentsize == sizeof(Elf64_Shdr);
}

std::optional<Elf64_Shdr> section_header(std::string_view file, const Elf64_Ehdr& header,
                                         std::uint64_t index) {
  if (header.e_shoff > file.size()) return std::nullopt;
  return header_at<Elf64_Shdr>(file, header.e_shoff + index * sizeof(Elf64_Shdr));
}

/// Content of the section of that name.
std::optional<std::string_view> section(std::string_view file, const Elf64_Ehdr& header,
                                        std::string_view wanted) {
  const auto of_names = section_header(file, header, header.e_shstrndx);
  const auto names = of_names ? part(file, of_names->sh_offset, of_names->sh_size) : std::nullopt;
  for (std::uint64_t i = 0; names && i < header.e_shnum; ++i) {
    const auto one = section_header(file, header, i);
    if (!one || one->sh_name >= names->size()) return std::nullopt;
    const std::string_view rest = names->substr(one->sh_name);
    if (rest.substr(0, rest.find('\0')) != wanted) continue;
    if (one->sh_type == SHT_NOBITS) return std::nullopt;
    return part(file, one->sh_offset, one->sh_size);
  }
  return std::nullopt;
}

Json descriptor_in(std::string_view file, const std::filesystem::path& path) {
  const auto header = header_at<Elf64_Ehdr>(file, 0);
  if (!header || !is_library(*header)) {
    throw UserError(
        fmt::format("{}: no shared library for this machine; name the lib*.so that "
                    "assay_add_method() built",
                    path.string()));
  }
  const auto text = section(file, *header, ASSAY_PLUGIN_SECTION);
  const std::string_view line = text ? text->substr(0, text->find('\0')) : std::string_view();
  Json descriptor = try_parse_json(line);
  if (descriptor.is_object()) return descriptor;
  throw UserError(fmt::format(
      "{}: a shared library, but no plug-in of assay: it {}; build it with assay_add_method()",
      path.string(), text ? "has a damaged descriptor" : "has no descriptor"));
}

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

}  // namespace

PluginFile read_plugin_file(const std::filesystem::path& path) {
  std::error_code missing;
  if (!std::filesystem::is_regular_file(path, missing)) {
    throw UserError(path.string() + ": no such plug-in; name the lib*.so that was built");
  }
  const std::string bytes = read_text_file(path);
  return {.hash = sha256_hex(bytes), .descriptor = descriptor_in(bytes, path)};
}

void require_fitting_plugin(const Json& descriptor, const std::filesystem::path& path) {
  const Json own = Json::parse(kBuiltWith);
  std::string differences;
  for (const auto& [key, value] : own.items()) {
    const Json found = descriptor.value(key, Json());
    if (found == value) continue;
    differences += fmt::format("{}{} {} (here {})", differences.empty() ? "" : ", ", key,
                               found.is_null() ? "nothing" : text_of(found), text_of(value));
  }
  if (differences.empty()) return;
  throw UserError(
      fmt::format("{}: a plug-in built for another assay: {}; build it again against the assay "
                  "that shall load it",
                  path.string(), differences));
}

}  // namespace assay
