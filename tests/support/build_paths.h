#pragma once

#include <filesystem>
#include <string>

namespace assay {

/// Where the tests' program was built from and into. Only build_paths.cpp is compiled with these
/// places, so that a compiler cache knows every other test in another clone.
std::filesystem::path source_dir();
std::filesystem::path binary_dir();

/// The Python with the packages of requirements.txt: $ASSAY_PYTHON, else that which the build was
/// configured with; "" when there is none.
std::string test_python();

}  // namespace assay
