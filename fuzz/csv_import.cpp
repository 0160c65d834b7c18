// A file of published results in any format that can be imported: CSV, whose cells may be JSON, or
// JSON.

#include <string_view>

#include "fuzz/target.h"
#include "harness/base/errors.h"
#include "harness/imports/import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    (void)assay::read_import_text({reinterpret_cast<const char*>(data), size}, "x.csv");
  } catch (const assay::UserError&) {
    return 0;
  }
  return 0;
}
