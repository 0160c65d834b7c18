#include "harness/method/tensor_file.h"

#include <ATen/ops/empty.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/descriptor.h"
#include "harness/base/json.h"
#include "harness/base/temporary.h"
#include "harness/base/write_failure.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kLargestHeader = 100'000'000;  // as the reference implementation has it

constexpr std::array<std::pair<at::ScalarType, std::string_view>, 10> kDtypes = {{
    {at::kFloat, "F32"},
    {at::kBFloat16, "BF16"},
    {at::kHalf, "F16"},
    {at::kDouble, "F64"},
    {at::kLong, "I64"},
    {at::kInt, "I32"},
    {at::kShort, "I16"},
    {at::kChar, "I8"},
    {at::kByte, "U8"},
    {at::kBool, "BOOL"},
}};

std::string dtype_name(const std::string& tensor, at::ScalarType dtype) {
  for (const auto& [known, name] : kDtypes) {
    if (known == dtype) return std::string(name);
  }
  throw std::logic_error("tensor '" + tensor + "' has a dtype that safetensors cannot hold");
}

std::optional<at::ScalarType> dtype_from(const std::string& name) {
  for (const auto& [known, text] : kDtypes) {
    if (text == name) return known;
  }
  return std::nullopt;
}

/// 0 or errno.
int write_all(int fd, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd, at, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    at += written;
    size -= static_cast<std::size_t>(written);
  }
  return 0;
}

bool read_all(int fd, void* data, std::size_t size, std::uint64_t offset) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = ::pread(fd, at, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

std::string header_text(const TensorFile& file) {
  Json header = Json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const std::uint64_t end = offset + tensor.nbytes();
    header[name] = {{"dtype", dtype_name(name, tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  return text;
}

int write_to(int fd, const TensorFile& file) {
  const std::string header = header_text(file);
  const std::uint64_t size = header.size();
  int error = write_all(fd, &size, sizeof size);
  if (error == 0) error = write_all(fd, header.data(), header.size());
  for (const auto& [name, tensor] : file.tensors) {
    if (error != 0) break;
    const at::Tensor here = tensor.cpu().contiguous();  // no copy when it is both already
    error = write_all(fd, here.const_data_ptr(), here.nbytes());
  }
  if (error == 0 && ::fsync(fd) != 0) error = errno;
  return error;
}

/// A damaged file: what is wrong, and what to do.
[[noreturn]] void fail_read(const fs::path& path, const std::string& problem) {
  throw FileError(fmt::format("{}: damaged tensor file: {}; delete it, it will be made again",
                              path.string(), problem));
}

Json parse_header(const fs::path& path, int fd, std::uint64_t file_size, std::uint64_t& data_at) {
  std::uint64_t size = 0;
  if (file_size < sizeof size || !read_all(fd, &size, sizeof size, 0)) {
    fail_read(path, "shorter than 8 bytes");
  }
  if (size > kLargestHeader || size > file_size - sizeof size) {
    fail_read(path,
              fmt::format("the header claims {} bytes, the file has {}", size, file_size - 8));
  }
  std::string text(size, '\0');
  if (!read_all(fd, text.data(), text.size(), sizeof size)) fail_read(path, "cannot be read");
  data_at = sizeof size + size;
  Json header = try_parse_json(text);
  if (!header.is_object()) fail_read(path, "the header is not a JSON object");
  return header;
}

struct Entry {
  at::ScalarType dtype = at::kFloat;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

std::optional<Entry> parse_entry(const Json& document) {
  try {
    Entry entry;
    const auto dtype = dtype_from(document.at("dtype").get<std::string>());
    if (!dtype) return std::nullopt;
    entry.dtype = *dtype;
    entry.shape = document.at("shape").get<std::vector<std::int64_t>>();
    entry.begin = document.at("data_offsets").at(0).get<std::uint64_t>();
    entry.end = document.at("data_offsets").at(1).get<std::uint64_t>();
    std::uint64_t bytes = c10::elementSize(entry.dtype);
    for (const std::int64_t size : entry.shape) {
      if (size < 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) {
        return std::nullopt;
      }
    }
    if (entry.begin > entry.end || entry.end - entry.begin != bytes) return std::nullopt;
    return entry;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

at::Tensor read_tensor(const fs::path& path, int fd, const std::string& name, const Entry& entry,
                       std::uint64_t data_at) {
  at::Tensor tensor = at::empty(entry.shape, at::TensorOptions().dtype(entry.dtype));
  if (!read_all(fd, tensor.mutable_data_ptr(), tensor.nbytes(), data_at + entry.begin)) {
    fail_read(path, "tensor '" + name + "' is cut off");
  }
  return tensor;
}

/// Entries by offset; refuses gaps, overlaps and trailing bytes.
std::map<std::uint64_t, std::vector<std::pair<std::string, Entry>>> parse_entries(
    const fs::path& path, const Json& header, std::uint64_t data_size) {
  std::map<std::uint64_t, std::vector<std::pair<std::string, Entry>>> by_offset;
  std::uint64_t total = 0;
  for (const auto& [name, document] : header.items()) {
    if (name == "__metadata__") continue;
    const auto entry = parse_entry(document);
    if (!entry || entry->end > data_size) {
      fail_read(path, "dtype, shape and place of tensor '" + name + "' do not fit");
    }
    total += entry->end - entry->begin;
    by_offset[entry->begin].emplace_back(name, *entry);
  }
  std::uint64_t reached = 0;
  for (const auto& [begin, entries] : by_offset) {
    if (begin != reached) fail_read(path, "tensors overlap or leave a gap");
    for (const auto& [name, entry] : entries) reached = std::max(reached, entry.end);
  }
  if (total != data_size || reached != data_size) {
    fail_read(path, fmt::format("the tensors take {} bytes, the file holds {}", total, data_size));
  }
  return by_offset;
}

std::map<std::string, std::string> parse_metadata(const fs::path& path, const Json& header) {
  const auto found = header.find("__metadata__");
  if (found == header.end()) return {};
  try {
    return found->get<std::map<std::string, std::string>>();
  } catch (const Json::exception&) {
    fail_read(path, "__metadata__ is not an object of texts");
  }
}

}  // namespace

void write_tensor_file(const fs::path& path, const TensorFile& file) {
  const Temporary temporary = make_temporary_file(path);
  int error = temporary.error;
  if (error == 0) error = write_to(temporary.descriptor.get(), file);
  if (error == 0 && ::rename(temporary.path.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return;
  std::error_code ignored;
  fs::remove(temporary.path, ignored);
  fail_write(path, error);
}

TensorFile read_tensor_file(const fs::path& path) {
  const Descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (in.get() < 0 || ::fstat(in.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    throw FileError(
        fmt::format("{}: {}", path.string(), fs::exists(path) ? "cannot be read" : "no such file"));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::uint64_t data_at = 0;
  const Json header = parse_header(path, in.get(), size, data_at);
  TensorFile file;
  file.metadata = parse_metadata(path, header);
  for (const auto& [begin, entries] : parse_entries(path, header, size - data_at)) {
    for (const auto& [name, entry] : entries) {
      file.tensors[name] = read_tensor(path, in.get(), name, entry, data_at);
    }
  }
  return file;
}

}  // namespace assay
