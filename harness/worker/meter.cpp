#include "harness/worker/meter.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "harness/base/clock.h"
#include "harness/base/malloc_policy.h"
#include "harness/measure/allocations.h"
#include "harness/measure/energy.h"
#include "harness/measure/memory.h"
#include "harness/worker/session.h"

namespace assay {
namespace {

constexpr double kEnergySeconds = 10;
constexpr double kIdleSeconds = 1;
constexpr int kLeastReadings = 10;

MetricValue absent(const std::string& tag, const std::string& reason) {
  MetricValue metric;
  metric.tag = tag;
  metric.null_reason = reason;
  return metric;
}

void emit_bytes(ReplyWriter& writer, const std::string& tag, std::optional<std::int64_t> bytes) {
  writer.metric(bytes ? plain_metric(tag, static_cast<double>(*bytes))
                      : absent(tag, "not measured: /proc does not tell"));
}

/// What the meter showed while the work ran.
struct EnergyReading {
  double joules = 0, seconds = 0;
  int readings = 0;  ///< times that the counter had moved
  double calls = 0;
};

EnergyReading read_while(EnergyMeter& meter, double seconds, const std::function<void()>& step) {
  EnergyReading reading;
  const double start = monotonic_seconds();
  const double before = meter.joules();
  double last = before;
  while (reading.seconds < seconds) {
    step();
    reading.calls += 1;
    const double now = meter.joules();
    if (now > last) ++reading.readings;
    last = now;
    reading.seconds = monotonic_seconds() - start;
  }
  reading.joules = last - before;
  return reading;
}

void refuse(ReplyWriter& writer, const std::string& reason) {
  for (const char* tag : {"energy/per_token", "energy/net_per_token", "energy/idle_power"}) {
    writer.metric(absent(tag, reason));
  }
}

}  // namespace

void meter_memory(const std::function<void()>& work, const LoadedMemory& loaded, at::Device device,
                  ReplyWriter& writer) {
  const bool gpu = !device.is_cpu();
  return_freed_memory();
  ResidentWatch watch;
  const Allocations allocations = allocations_of(work, gpu);
  emit_bytes(writer, "memory/base_rss", loaded.base);
  emit_bytes(writer, "memory/loaded_rss", loaded.loaded);
  emit_bytes(writer, "memory/work_rss", watch.peak_bytes());
  if (gpu) {
    emit_bytes(writer, "memory/device_allocated", allocations.peak_bytes);
    emit_bytes(writer, "memory/device_reserved", allocations.peak_reserved_bytes);
  } else {
    emit_bytes(writer, "memory/work_allocated", allocations.peak_bytes);
  }
}

void meter_energy(const std::function<void()>& work, double tokens, at::Device device,
                  const std::function<void()>& check, ReplyWriter& writer) {
  const FoundMeter found =
      device.is_cpu() ? find_processor_meter() : find_gpu_meter(std::max<int>(0, device.index()));
  if (!found.meter) return refuse(writer, found.reason);
  const auto rest = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  const EnergyReading idle = read_while(*found.meter, kIdleSeconds, rest);
  const EnergyReading busy = read_while(*found.meter, kEnergySeconds, [&] {
    check();
    work();
  });
  if (busy.readings < kLeastReadings) {
    return refuse(writer,
                  fmt::format("not measured: {} showed {} values in {:.0f} s, needed are {}",
                              found.meter->name(), busy.readings, busy.seconds, kLeastReadings));
  }
  const double idle_power = idle.joules / idle.seconds;
  const double all = busy.calls * tokens;
  writer.metric(plain_metric("energy/per_token", busy.joules / all));
  writer.metric(
      plain_metric("energy/net_per_token", (busy.joules - idle_power * busy.seconds) / all));
  writer.metric(plain_metric("energy/idle_power", idle_power));
  writer.event("info", "energy_meter", found.meter->name());
}

}  // namespace assay
