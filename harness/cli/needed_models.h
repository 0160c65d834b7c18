#pragma once
// Models of an experiment that are not on this machine: how large they are and how to get them.

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/config/experiment.h"

namespace assay {

struct NeededModel {
  std::string id;
  std::string command;                ///< that gets it
  std::optional<std::int64_t> bytes;  ///< to download; none: nobody says, see `problem`
  std::string problem;                ///< of asking the Hub; a size is then that of the manifest
  bool hub = false;                   ///< of the Hub, and so never downloaded unasked
  bool shape = false;  ///< without its weights: a few megabytes, which nobody is asked about
};

/// In the order of the experiment, each once; models that are made without a download are not among
/// them. Asks the Hub for sizes, and downloads nothing. Throws UserError for unknown names,
/// Interrupted.
std::vector<NeededModel> needed_models(const Experiment& experiment, const Catalogue& catalogue,
                                       const std::stop_token& stop);

/// A table for people, with the sum and what is free.
std::string needed_models_text(const std::vector<NeededModel>& models, int width);

Json needed_models_json(const std::vector<NeededModel>& models);

/// Of each model of the experiment where it is, or how it comes; one line each, for people. Asks
/// nobody. Throws UserError for unknown names.
std::string model_places_text(const Experiment& experiment, const Catalogue& catalogue);

/// Throws MachineError with the commands when models of the Hub are missing: a run downloads none
/// of them unasked.
void require_hub_models(const Experiment& experiment, const Catalogue& catalogue,
                        const std::stop_token& stop);

}  // namespace assay
