#pragma once
// Passes beside the timed one: memory and energy of the same work.

#include <cstdint>
#include <functional>
#include <optional>

#include "harness/model/model.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// Resident set before anything was read and after model and artefact were; bytes.
struct LoadedMemory {
  std::optional<std::int64_t> base, loaded;
};

/// Runs `work` once and emits the metrics "memory/...": what the allocators gave out and how far
/// the process grew meanwhile. A pass of its own, because watching costs time.
void meter_memory(const std::function<void()>& work, const LoadedMemory& loaded, at::Device device,
                  ReplyWriter& writer);

/// Runs `work` for at least ten seconds under the machine's energy counter and emits the metrics
/// "energy/...", per token; without a counter no values, and why. `tokens`: that one call works on.
/// `check` is called between calls and throws to stop.
void meter_energy(const std::function<void()>& work, double tokens, at::Device device,
                  const std::function<void()>& check, ReplyWriter& writer);

}  // namespace assay
