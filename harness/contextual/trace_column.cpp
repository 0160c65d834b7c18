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

std::int64_t TraceRows::bytes() const {
  return c10::multiply_integers(shape) * static_cast<std::int64_t>(c10::elementSize(dtype));
}

TraceRows rows_of(const at::Tensor& tensor) {
  if (tensor.dim() == 0) throw std::logic_error("a column is made of rows, not of single numbers");
  return {tensor.scalar_type(), tensor.sizes().vec()};
}

Json to_json(const TraceRows& rows) {
  return {{"dtype", c10::toString(rows.dtype)},
          {"rows", rows.shape.front()},
          {"row", std::vector(rows.shape.begin() + 1, rows.shape.end())}};
}

TraceRows trace_rows_from(const Json& json) {
  TraceRows rows{dtype_from(json.at("dtype").get<std::string>()),
                 {json.at("rows").get<std::int64_t>()}};
  for (const Json& size : json.at("row")) rows.shape.push_back(size.get<std::int64_t>());
  const bool sizes = std::all_of(rows.shape.begin(), rows.shape.end(),
                                 [](std::int64_t size) { return size >= 0; });
  if (!sizes) throw FileError("a column with sizes below zero");
  return rows;
}

TraceColumn::TraceColumn(fs::path file, TraceRows rows, std::int64_t sequences)
    : file_(std::move(file)),
      rows_(std::move(rows)),
      sequences_(sequences),
      descriptor_(opened(file_)) {
  cut(file_, descriptor_.get(), sequences_ * rows_.bytes());
}

void TraceColumn::append(const at::Tensor& rows) {
  if (rows_of(rows) != rows_) {
    throw std::logic_error(file_.string() + ": each sequence adds the same rows to a column");
  }
  const at::Tensor here = rows.cpu().contiguous();  // no copy when it is both already
  const std::string_view bytes(static_cast<const char*>(here.const_data_ptr()), here.nbytes());
  if (const int error = write_all(descriptor_.get(), bytes); error != 0) fail_write(file_, error);
  ++sequences_;
}

void TraceColumn::sync() const {
  if (const int error = sync_to_disk(descriptor_.get()); error != 0) fail_write(file_, error);
}

at::Tensor TraceColumn::mapped() const {
  std::vector<std::int64_t> shape = rows_.shape;
  shape.front() *= sequences_;
  const at::TensorOptions options(rows_.dtype);
  const auto size = static_cast<std::size_t>(sequences_ * rows_.bytes());
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
