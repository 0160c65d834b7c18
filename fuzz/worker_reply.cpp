// What a worker writes, line by line, as `assay` reads it.

#include <sstream>
#include <stdexcept>
#include <string>

#include "fuzz/target.h"
#include "harness/protocol/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream lines(std::string(reinterpret_cast<const char*>(data), size));
  assay::ReplyReader reader;
  try {
    for (std::string line; std::getline(lines, line);) (void)reader.feed(line);
  } catch (const std::runtime_error&) {
    return 0;
  }
  return 0;
}
