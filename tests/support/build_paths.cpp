#include "tests/support/build_paths.h"

#include "harness/base/files.h"

namespace assay {

std::filesystem::path source_dir() { return ASSAY_SOURCE_DIR; }

std::filesystem::path binary_dir() { return ASSAY_BINARY_DIR; }

std::string test_python() { return environment_or("ASSAY_PYTHON", ASSAY_TEST_PYTHON); }

}  // namespace assay
