#include "harness/contextual/trace_column.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/accumulate.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/write_failure.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::array kDtypes{at::kFloat, at::kBFloat16, at::kHalf, at::kDouble, at::kLong,
                             at::kInt,   at::kShort,    at::kChar, at::kByte,   at::kBool};

at::ScalarType dtype_from(const std::string& name) {
  const auto* found = std::find_if(kDtypes.begin(), kDtypes.end(), [&](at::ScalarType dtype) {
    return name == c10::toString(dtype);
  });
  if (found == kDtypes.end()) throw FileError("no type of a column: '" + name + "'");
  return *found;
}

std::int64_t size_from(const Json& json) {
  const auto size = json.get<std::int64_t>();
  if (size < 0) throw FileError("a column with sizes below zero");
  return size;
}

TraceRow row_from(const Json& json) {
  TraceRow row{dtype_from(json.at("dtype").get<std::string>()), {}};
  for (const Json& size : json.at("row")) row.shape.push_back(size_from(size));
  return row;
}

Descriptor opened(const fs::path& file) {
  Descriptor descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (descriptor.get() < 0) fail_write(file, errno);
  return descriptor;
}

void cut(const fs::path& file, int descriptor, std::int64_t bytes) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail_write(file, errno);
  if (status.st_size < bytes) {
    throw FileError(fmt::format("{}: {} bytes, less than the {} that were committed", file.string(),
                                status.st_size, bytes));
  }
  if (status.st_size > bytes && ::ftruncate(descriptor, bytes) != 0) fail_write(file, errno);
}

}  // namespace

std::int64_t TraceRow::bytes() const {
  return c10::multiply_integers(shape) * static_cast<std::int64_t>(c10::elementSize(dtype));
}

TraceRow row_of(const at::Tensor& rows) {
  if (rows.dim() == 0) throw std::logic_error("a column is made of rows, not of single numbers");
  return {rows.scalar_type(), rows.sizes().slice(1).vec()};
}

TraceColumn::TraceColumn(fs::path file, TraceRow row, std::int64_t rows)
    : file_(std::move(file)), row_(std::move(row)), rows_(rows), descriptor_(opened(file_)) {
  cut(file_, descriptor_.get(), rows_ * row_.bytes());
}

TraceColumn::TraceColumn(fs::path file, const Json& json)
    : TraceColumn(std::move(file), row_from(json), size_from(json.at("rows"))) {}

Json TraceColumn::to_json() const {
  return {{"dtype", c10::toString(row_.dtype)}, {"rows", rows_}, {"row", row_.shape}};
}

void TraceColumn::append(const at::Tensor& rows) {
  if (row_of(rows) != row_) {
    throw std::logic_error(file_.string() + ": each sequence adds rows of one kind to a column");
  }
  const at::Tensor here = rows.cpu().contiguous();  // no copy when it is both already
  const std::string_view bytes(static_cast<const char*>(here.const_data_ptr()), here.nbytes());
  if (const int error = write_all(descriptor_.get(), bytes); error != 0) fail_write(file_, error);
  rows_ += rows.size(0);
}

void TraceColumn::sync() const {
  if (const int error = sync_to_disk(descriptor_.get()); error != 0) fail_write(file_, error);
}

at::Tensor TraceColumn::mapped() const {
  std::vector<std::int64_t> shape{rows_};
  shape.insert(shape.end(), row_.shape.begin(), row_.shape.end());
  const at::TensorOptions options(row_.dtype);
  const auto size = static_cast<std::size_t>(rows_ * row_.bytes());
  if (size == 0) return at::empty(shape, options);
  // Private and writable, as all tensors are; a trace may be larger than what could be reserved.
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                        descriptor_.get(), 0);
  if (memory == MAP_FAILED) {
    throw MachineError(
        fmt::format("{}: cannot be mapped into memory: {}", file_.string(), std::strerror(errno)));
  }
  return at::from_blob(
      memory, shape, [size](void* data) { ::munmap(data, size); }, options);
}

}  // namespace assay
