#include "harness/measure/device_timer.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "harness/base/clock.h"

namespace assay {

double DeviceTimer::seconds(const std::function<void()>& work) const {
  if (!gpu()) {
    const double start = monotonic_seconds();
    work();
    return monotonic_seconds() - start;
  }
  // The flag of backends keeps the times of events; LibTorch's default does not.
  const c10::impl::VirtualGuardImpl guard(device_.type());
  const c10::Stream stream = guard.getStream(device_);
  c10::Event begin(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  c10::Event end(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  begin.record(stream);
  work();
  end.record(stream);
  end.synchronize();
  return begin.elapsedTime(end) / 1e3;
}

}  // namespace assay
