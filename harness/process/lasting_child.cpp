#include "harness/process/lasting_child.h"

#include <boost/system/system_error.hpp>
#include <utility>

#include "harness/process/child_watch.h"

namespace assay {

LastingChild::LastingChild(ChildSpec spec) : spec_(std::move(spec)) {
  try {
    watch_ = std::make_unique<ChildWatch>(spec_, true);
  } catch (const boost::system::system_error& error) {
    throw cannot_watch(spec_, error);
  }
}

LastingChild::~LastingChild() {
  if (!watch_->has_ended()) watch_->end();
}

ChildResult LastingChild::end() { return watch_->end(); }

bool LastingChild::has_ended() const { return watch_->has_ended(); }

ChildResult LastingChild::ask(const std::string& input, const ChildCallbacks& callbacks,
                              const std::function<bool()>& is_answered, const std::stop_token& stop,
                              const std::stop_token& kill) {
  if (stop.stop_requested() || kill.stop_requested()) {
    ChildResult result;
    result.interrupted = true;
    return result;
  }
  watch_->send(input);
  return watch_->run(callbacks, is_answered, stop, kill);
}

}  // namespace assay
