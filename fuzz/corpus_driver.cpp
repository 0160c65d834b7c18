// Runs a fuzz target once over every file of a folder, where there is no libFuzzer. The name of
// each is printed before, so that a crash tells whose it is.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include "fuzz/target.h"
#include "harness/base/files.h"

int main(int argc, char** argv) {
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const std::filesystem::path& path : assay::entries_of_folder(argv[i])) {
      std::printf("%s\n", path.c_str());
      std::fflush(stdout);
      const std::string input = assay::read_text_file(path);
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
      ++files;
    }
  }
  std::printf("%d inputs\n", files);
  return files > 0 ? 0 : 1;
}
