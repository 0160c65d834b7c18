#pragma once
// Models of the Hugging Face Hub: how large they are, and getting them into its cache. The Python
// tools do both (python/assay_tools/hub_model.py).

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/checkpoint/hub_cache.h"
#include "harness/runner/progress.h"

namespace assay {

struct HubSize {
  std::optional<std::int64_t> bytes;  ///< still to come; none: `problem` says why
  std::string problem;
};

/// Asks the Hub; downloads nothing. Throws MachineError when the tools are missing, Interrupted.
std::vector<HubSize> hub_sizes(const std::vector<HubName>& names, std::stop_token stop);

struct HubGet {
  bool shape = false;  ///< configuration and tokenizer alone, for weights = "random"
  bool check = false;  ///< hashes again what is here, and gets anew what is damaged
};

struct GotHubModel {
  std::filesystem::path folder;
  std::string commit;
  std::int64_t bytes = 0;  ///< of its files
  std::int64_t came = 0;   ///< downloaded now
};

/// Downloads what is not here, goes on where an earlier download ended, and returns the folder.
/// First the configuration: a model that assay does not read is refused before its weights come.
/// Throws UserError for such and for bad names, MachineError (no network, gated, no space, other
/// content than the Hub says, ...), Interrupted; what came until then stays and is used.
GotHubModel get_hub_model(const HubName& name, const HubGet& how, Progress& progress,
                          const std::stop_token& stop);

}  // namespace assay
