#pragma once
// An experiment without a file: what a command line asks for, as the text of an experiment file.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/config/experiment.h"

namespace assay {

/// The place of a twin that nobody named.
inline constexpr const char* kAddedTwin = "dense, which is added";

/// Options of a command line. Models, methods and suites are texts for parse_settings().
struct AskedExperiment {
  std::string name;  ///< "": one made of everything else
  std::vector<std::string> models, methods, suites;
  std::vector<std::string> profiles;
  std::vector<std::int64_t> seeds;
  std::vector<std::string> plugins;  ///< files, absolute
  /// Data set for all methods that calibrate and name none themselves: "wikitext-2:samples=64".
  std::string calibration;
  bool twin = true;  ///< `dense` is added where no method is dense
};

/// The text, and where its lines come from.
struct ExperimentText {
  std::string text;
  std::vector<std::string> origins;  ///< the option behind each line, for messages
  std::string unused;                ///< what an option asks in vain; refused by reading
};

/// Throws UserError for options that are no names with settings.
ExperimentText experiment_text(const AskedExperiment& asked, const Catalogue& catalogue);

/// Reads the text as a file is read; places are options. Throws UserError with all problems.
Experiment read_experiment(const ExperimentText& text, const Catalogue& catalogue);

}  // namespace assay
