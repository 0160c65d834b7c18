// An experiment file, read with a catalogue like the project's.

#include <string>

#include "fuzz/target.h"
#include "harness/base/errors.h"
#include "harness/config/config_fixture.h"
#include "harness/config/experiment_blocks.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const assay::Catalogue kCatalogue = assay::Share().catalogue();
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    assay::Problems problems;
    const assay::TomlDocument document(text, "x.toml", problems);
    const assay::Experiment experiment = assay::read_document(document, kCatalogue, problems);
    (void)assay::canonical_json(experiment.resolved());
  } catch (const assay::UserError&) {
    return 0;
  }
  return 0;
}
