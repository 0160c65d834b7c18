#include "harness/runner/scratch.h"

#include <system_error>

#include "harness/base/clock.h"
#include "harness/base/files.h"

namespace assay {

ScratchFolder::ScratchFolder() : path_(ensure_folder(assay_home() / "scratch" / new_uuid())) {}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace assay
