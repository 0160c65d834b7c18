#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/model/kernels/gemv_torch.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/model.h"
#include "harness/stats/intervals.h"
#include "harness/worker/session.h"

namespace assay {
namespace {

constexpr std::int64_t kGemm = 1024;
/// Rows and columns whose bytes no last-level cache of today holds.
constexpr std::int64_t kBigRows = 3072;
constexpr std::int64_t kBigCols = 32768;
/// A piece of work of about a fifth of a millisecond.
constexpr std::int64_t kSmallRows = 768;
constexpr std::int64_t kSmallCols = 3072;
constexpr std::int64_t kSmallGemm = 256;
constexpr int kWarmup = 5;
constexpr int kSamples = 15;

using Work = std::function<void()>;

/// Seconds of each call after the warm-up; every sample loops until it lasts a millisecond.
std::vector<double> sample(const Work& work) {
  for (int i = 0; i < kWarmup; ++i) work();
  double start = monotonic_seconds();
  work();
  const auto loops = static_cast<int>(1 + 1e-3 / std::max(1e-7, monotonic_seconds() - start));
  std::vector<double> seconds;
  for (int i = 0; i < kSamples; ++i) {
    start = monotonic_seconds();
    for (int loop = 0; loop < loops; ++loop) work();
    seconds.push_back((monotonic_seconds() - start) / loops);
  }
  return seconds;
}

at::Tensor matrix(std::int64_t rows, std::int64_t cols, at::ScalarType dtype) {
  return copy_on_large_pages(at::randn({rows, cols}).to(dtype));
}

Work product(std::int64_t size, at::ScalarType dtype) {
  const at::Tensor a = matrix(size, size, dtype), b = matrix(size, size, dtype);
  return [a, b] { (void)at::mm(a, b); };
}

Work reading(std::int64_t rows, std::int64_t cols, at::ScalarType dtype) {
  const at::Tensor x = matrix(1, cols, dtype), weight = matrix(rows, cols, dtype);
  return [x, weight] { (void)gemv_linear(x, weight, {}); };
}

/// The smallest step that the clock shows.
double timer_step() {
  double least = 1.0;
  for (int i = 0; i < 1000; ++i) {
    const double start = monotonic_seconds();
    double now = start;
    while (now == start) now = monotonic_seconds();
    least = std::min(least, now - start);
  }
  return least;
}

void measure_speed(at::ScalarType dtype, ReplyWriter& writer) {
  const double flops = 2.0 * kGemm * kGemm * kGemm;
  writer.metric(plain_metric("machine/gemm", flops / median(sample(product(kGemm, dtype)))));
  const double bytes = double(kBigRows) * kBigCols * double(c10::elementSize(dtype));
  const double seconds = median(sample(reading(kBigRows, kBigCols, dtype)));
  writer.metric(plain_metric("machine/bandwidth", bytes / seconds));
  writer.metric(plain_metric("machine/timer", timer_step()));
}

std::vector<Sample> samples_of(const std::vector<double>& seconds) {
  std::vector<Sample> samples;
  for (const double value : seconds) {
    samples.push_back({.tag = "machine/latency",
                       .index = static_cast<std::int64_t>(samples.size()),
                       .value = value,
                       .warmup = false});
  }
  return samples;
}

}  // namespace

void measure_machine(const WorkerRequest& request, const SessionServices& services) {
  const c10::InferenceMode inference;
  if (request.device != "cpu") {
    throw MachineError(fmt::format(
        "device '{}': the speed of the machine is measured on the processor only", request.device));
  }
  const at::ScalarType dtype = dtype_from_name(request.dtype);
  const std::string work = request.suite_params.value("work", "speed");
  if (work == "speed") return measure_speed(dtype, services.writer);
  if (work != "gemv" && work != "gemm") {
    throw UserError(fmt::format("work is '{}'; allowed: speed, gemv, gemm", work));
  }
  const Work piece =
      work == "gemv" ? reading(kSmallRows, kSmallCols, dtype) : product(kSmallGemm, dtype);
  services.writer.samples(samples_of(sample(piece)));
}

}  // namespace assay
