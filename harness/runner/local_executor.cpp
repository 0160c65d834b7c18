#include "harness/runner/local_executor.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

#include "harness/base/errors.h"

namespace assay {

LocalExecutor::LocalExecutor(Monitor& monitor, std::size_t places, Work work,
                             std::function<void()> cancel)
    : monitor_(monitor), work_(std::move(work)), cancel_(std::move(cancel)), places_(places) {}

LocalExecutor::~LocalExecutor() {
  if (at_work().empty()) return;
  cancel_();
  monitor_.outside([this] {
    for (const auto& place : places_) {
      if (place) place->thread.join();
    }
  });
}

bool LocalExecutor::has_room() const {
  return std::find(places_.begin(), places_.end(), nullptr) != places_.end();
}

std::vector<const Job*> LocalExecutor::at_work() const {
  std::vector<const Job*> jobs;
  for (const auto& place : places_) {
    if (place) jobs.push_back(&place->job);
  }
  return jobs;
}

void LocalExecutor::submit(Job job) {
  const auto free = std::find(places_.begin(), places_.end(), nullptr);
  const auto number = static_cast<std::size_t>(free - places_.begin());
  *free = std::make_unique<Place>();
  Place& place = **free;
  place.job = std::move(job);
  try {
    place.thread = std::thread([this, &place, number] { do_job(place, number); });
  } catch (const std::system_error& error) {
    free->reset();
    throw MachineError(std::string("cannot start another thread: ") + error.what() +
                       "; ask for fewer --jobs, or raise the limit (ulimit -u)");
  }
}

void LocalExecutor::do_job(Place& place, std::size_t number) {
  const auto inside = monitor_.enter();
  try {
    place.left = work_(place.job, number);
  } catch (...) {
    place.error = std::current_exception();
  }
  place.has_ended = true;
  monitor_.changed();
}

Job LocalExecutor::poll() {
  auto ended = places_.end();
  monitor_.wait([&] {
    ended = std::find_if(places_.begin(), places_.end(),
                         [](const auto& place) { return place && place->has_ended; });
    return ended != places_.end();
  });
  const std::unique_ptr<Place> place = std::move(*ended);
  monitor_.outside([&] { place->thread.join(); });
  if (place->error) std::rethrow_exception(place->error);
  return std::move(place->left);
}

}  // namespace assay
