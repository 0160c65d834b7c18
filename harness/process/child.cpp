#include "harness/process/child.h"

#include <boost/system/system_error.hpp>

#include "harness/base/errors.h"
#include "harness/process/child_watch.h"

namespace assay {

ChildResult run_child(const ChildSpec& spec, const ChildCallbacks& callbacks, std::stop_token stop,
                      std::stop_token kill) {
  if (stop.stop_requested() || kill.stop_requested()) {
    ChildResult result;
    result.interrupted = true;
    return result;
  }
  try {
    return ChildWatch(spec, false).run(callbacks, nullptr, stop, kill);
  } catch (const boost::system::system_error& error) {
    throw cannot_watch(spec, error);
  }
}

}  // namespace assay
