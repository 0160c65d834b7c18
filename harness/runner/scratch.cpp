#include "harness/runner/scratch.h"

#include <chrono>
#include <initializer_list>
#include <system_error>

#include "harness/base/clock.h"
#include "harness/base/files.h"
#include "harness/base/write_failure.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

fs::path scratch_root() { return assay_home() / "scratch"; }

Temporary fresh_scratch() {
  Temporary made = make_locked_folder(ensure_folder(scratch_root()) / new_uuid());
  if (made.error != 0) fail_write(made.path, made.error);
  return made;
}

void clean_below(const fs::path& folder) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored)) remove_abandoned_temporaries(entry.path());
  }
}

/// Of cells that nobody asked for again: a score that goes on does so sooner.
void remove_old_scores() {
  constexpr std::chrono::days kKept{30};
  std::error_code ignored;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(assay_home() / "scores", ignored)) {
    const auto written = fs::last_write_time(entry.path() / "scores", ignored);
    if (!ignored && fs::file_time_type::clock::now() - written > kKept) {
      fs::remove_all(entry.path(), ignored);
    }
  }
}

}  // namespace

ScratchFolder::ScratchFolder() : folder_(fresh_scratch()) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(folder_.path, ignored);
}

void remove_abandoned_scratch() {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(scratch_root(), ignored)) {
    if (entry.is_directory(ignored)) remove_unheld(entry.path());
  }
  for (const char* kind : {"", "artefacts", "data", "models", "prepared"}) {
    remove_abandoned_temporaries(assay_home() / kind);
  }
  for (const char* kind : {"data", "hashes"}) clean_below(assay_home() / kind);
  remove_old_scores();
}

}  // namespace assay
