#pragma once
// README.md of an exported model: what it is made of, what differs from the original, and what was
// measured of it.

#include <optional>
#include <string>
#include <vector>

#include "harness/config/experiment.h"
#include "harness/protocol/protocol.h"

namespace assay {

/// Everything that the card says and nobody measured.
struct CardFacts {
  std::string model;  ///< as it was named; of a path the last part
  std::string model_hash;
  MethodChoice method;  ///< with the links behind it
  std::optional<std::uint64_t> seed;
  std::vector<std::string> artefact_hashes;  ///< SHA-256 of each link's file; none for dense
  bool own_artefact = false;  ///< a file of the user's: who fitted it, and on what, is not known
  std::string database;       ///< "" when none was given
};

/// Measured values of the result, one line each, out of the newest plans of all experiments.
struct CardValue {
  std::string suite, metric, value, interval, dense, profile;
  std::int64_t seed = 0;
  bool limited = false;
};
/// Values of cells of this model, method, parameters, data and seed that are OK; metrics
/// that are better in neither direction are left out. Throws as Store::open_read_only does.
std::vector<CardValue> measured_values(const CardFacts& facts);

std::string model_card(const CardFacts& facts, const std::vector<CardValue>& values,
                       const std::vector<WorkerReply::Event>& events);

}  // namespace assay
