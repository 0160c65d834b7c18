#include "harness/checkpoint/safetensors.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <set>

#include "harness/base/cell_errors.h"
#include "harness/base/display.h"
#include "harness/base/input_file.h"
#include "harness/checkpoint/lfs_pointer.h"
#include "harness/checkpoint/quantised.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr int kDeepest = 4;  // header, tensor, shape; one to spare for metadata
constexpr std::size_t kShownColumns = 200;
constexpr std::uint64_t kLargestHeader = 100'000'000;  // the limit of the format

const std::map<std::string, std::uint64_t>& element_sizes() {
  static const std::map<std::string, std::uint64_t> kSizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"I64", 8}, {"U64", 8},     {"F64", 8}};
  return kSizes;
}

std::string shown(const Json& value) { return cut(value.dump(), kShownColumns); }

struct Place {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::size_t index = 0;
};

// Reads one file; a member function for each part of the format.
class Reader {
 public:
  Reader(const fs::path& path, std::span<const std::byte> file) : path_(path), file_(file) {}

  std::vector<StoredTensor> read() {
    const Json header = parse(header_text());
    for (const auto& [name, entry] : header.items()) {
      if (name != "__metadata__") add(name, entry);
    }
    check_places();
    return std::move(tensors_);
  }

 private:
  template <typename... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw FileError(path_.string() + ": " + fmt::format(format, std::forward<Args>(args)...));
  }

  std::string_view header_text() {
    if (file_.size() < kLengthBytes) {
      fail("truncated: {} bytes, but a safetensors file has at least {}", file_.size(),
           kLengthBytes);
    }
    std::uint64_t length = 0;
    std::memcpy(&length, file_.data(), kLengthBytes);
    const std::uint64_t limit = std::min(file_.size() - kLengthBytes, kLargestHeader);
    if (length > limit) {
      fail("header length {} is beyond the limit {}: the file is truncated or no safetensors file",
           length, limit);
    }
    data_ = file_.subspan(kLengthBytes + length);
    return {reinterpret_cast<const char*>(file_.data()) + kLengthBytes, length};
  }

  Json parse(std::string_view text) {
    std::set<std::string> seen;
    const auto check_key = [&](int depth, Json::parse_event_t event, Json& value) {
      if (depth > kDeepest) fail("malformed header: more than {} levels", kDeepest);
      if (event == Json::parse_event_t::key && depth == 1 &&
          !seen.insert(value.get<std::string>()).second) {
        fail("tensor '{}' appears twice in the header", value.get<std::string>());
      }
      return true;
    };
    try {
      Json header = Json::parse(text, check_key);
      if (!header.is_object()) fail("the header is no JSON object but {}", header.type_name());
      return header;
    } catch (const Json::exception& error) {
      fail("malformed header: {}", cut(error.what(), kShownColumns));
    }
  }

  void add(const std::string& name, const Json& entry) {
    StoredTensor tensor;
    tensor.name = name;
    tensor.dtype = dtype(name, entry);
    tensor.shape = shape(name, entry);
    const Place place = offsets(name, entry);
    const std::uint64_t needed = byte_count(tensor);
    if (place.end - place.begin != needed) {
      fail("tensor '{}': {} bytes at offsets [{}, {}), but shape [{}] of {} needs {}", name,
           place.end - place.begin, place.begin, place.end, fmt::join(tensor.shape, ", "),
           tensor.dtype, needed);
    }
    tensor.bytes = data_.subspan(place.begin, needed);
    places_.push_back({place.begin, place.end, tensors_.size()});
    tensors_.push_back(std::move(tensor));
  }

  std::string dtype(const std::string& name, const Json& entry) const {
    const Json value = entry.is_object() ? entry.value("dtype", Json()) : Json();
    if (value.is_string() && element_sizes().contains(value.get<std::string>())) return value;
    // Elements of less than a byte, or scales: F4, F6_E2M3, F8_E8M0, ...
    const std::string word = value.is_string() ? value.get<std::string>() : "";
    if (word == "F4" || word.starts_with("F6_") || word.starts_with("F8_")) {
      fail("tensor '{}' is {}: the model is quantised. {}", name, word, kImportTheOriginal);
    }
    std::vector<std::string> known;
    for (const auto& [dtype, size] : element_sizes()) known.push_back(dtype);
    fail("tensor '{}': unsupported dtype {}; allowed: {}", name, shown(value),
         fmt::join(known, ", "));
  }

  std::vector<std::int64_t> shape(const std::string& name, const Json& entry) const {
    const Json value = entry.value("shape", Json());
    const auto is_size = [](const Json& size) {
      return size.is_number_integer() && size >= 0 &&
             size <= std::numeric_limits<std::int64_t>::max();
    };
    if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_size)) {
      fail("tensor '{}': shape {} is no array of counts", name, shown(value));
    }
    return value.get<std::vector<std::int64_t>>();
  }

  Place offsets(const std::string& name, const Json& entry) const {
    const Json value = entry.value("data_offsets", Json());
    if (!value.is_array() || value.size() != 2 || !value[0].is_number_unsigned() ||
        !value[1].is_number_unsigned()) {
      fail("tensor '{}': data_offsets {} are no pair of byte counts", name, shown(value));
    }
    const Place place{value[0], value[1], 0};
    if (place.begin > place.end || place.end > data_.size()) {
      fail(
          "tensor '{}': offsets [{}, {}) are outside the {} bytes of data; the file is truncated "
          "or damaged",
          name, place.begin, place.end, data_.size());
    }
    return place;
  }

  std::uint64_t byte_count(const StoredTensor& tensor) const {
    std::uint64_t count = element_sizes().at(tensor.dtype);
    for (const std::int64_t size : tensor.shape) {
      if (__builtin_mul_overflow(count, static_cast<std::uint64_t>(size), &count)) {
        fail("tensor '{}': shape [{}] overflows", tensor.name, fmt::join(tensor.shape, ", "));
      }
    }
    return count;
  }

  void check_places() {
    std::sort(places_.begin(), places_.end(), [](const Place& a, const Place& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    std::uint64_t end = 0;
    for (const Place& place : places_) {
      const std::string& name = tensors_[place.index].name;
      if (place.begin < end) {
        fail("tensor '{}' starts at {} and overlaps another that ends at {}", name, place.begin,
             end);
      }
      if (place.begin > end) {
        fail("hole of {} bytes before tensor '{}': it starts at {}, the one before ends at {}",
             place.begin - end, name, place.begin, end);
      }
      end = place.end;
    }
    if (end != data_.size()) {
      fail("{} bytes of data, but the tensors cover only {}", data_.size(), end);
    }
  }

  const fs::path& path_;
  std::span<const std::byte> file_;
  std::span<const std::byte> data_;
  std::vector<StoredTensor> tensors_;
  std::vector<Place> places_;
};

}  // namespace

MappedFile::MappedFile(const fs::path& path)
    // A pipe would wait for somebody who writes.
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  struct stat status {};
  if (descriptor_ < 0) fail_read(path, errno);
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor_);
    throw FileError(fmt::format("{}: cannot be read: no regular file", path.string()));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* start = size == 0 ? nullptr : ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor_, 0);
  if (start == MAP_FAILED) {
    const int error = errno;
    ::close(descriptor_);
    throw MachineError(fmt::format("{}: cannot be mapped into memory ({} bytes): {}", path.string(),
                                   size, std::strerror(error)));
  }
  bytes_ = {static_cast<const std::byte*>(start), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), bytes_(std::exchange(other.bytes_, {})) {}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::vector<StoredTensor> read_safetensors(const fs::path& name, std::span<const std::byte> file) {
  return Reader(name, file).read();
}

SafetensorsFile open_safetensors(const fs::path& path) {
  refuse_lfs_pointer(path);
  SafetensorsFile file{path, std::make_shared<const MappedFile>(path), {}};
  file.tensors = read_safetensors(path, file.map->bytes());
  return file;
}

}  // namespace assay
