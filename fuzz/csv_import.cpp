// A CSV file of published results, whose cells may be JSON.

#include <string_view>

#include "fuzz/target.h"
#include "harness/base/errors.h"
#include "harness/store/import_csv.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    (void)assay::read_import_text({reinterpret_cast<const char*>(data), size}, "x.csv");
  } catch (const assay::UserError&) {
    return 0;
  }
  return 0;
}
