// A model's config.json, and the shape of a model in the plan of an artefact, which comes back as
// it was.

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/target.h"
#include "harness/base/errors.h"
#include "harness/base/json.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/family.h"
#include "harness/checkpoint/spec_json.h"

namespace {

void read_config(const assay::Json& document) {
  const assay::Json type = document.value("model_type", assay::Json());
  const std::string name = type.is_string() ? type.get<std::string>() : "";
  const assay::Family& family = assay::family_of_model_type(name, "config.json");
  std::vector<assay::ModelWarning> warnings;
  const assay::ModelSpec spec = assay::spec_of_config(family, "config.json", document, warnings);
  const assay::Json stored = assay::to_json(spec);
  if (assay::to_json(assay::model_spec_from_json(stored)) != stored) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const assay::Json document = assay::try_parse_json(text);
  if (!document.is_object()) return 0;
  try {
    (void)assay::model_spec_from_json(document);
  } catch (const assay::UserError&) {  // NOLINT(bugprone-empty-catch): it is a config.json
  }
  try {
    read_config(document);
  } catch (const assay::UserError&) {
    return 0;
  }
  return 0;
}
