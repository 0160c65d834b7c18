#pragma once
// What is timed must be what was scored: comparisons of a timed process, and how they end it.

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <string>

#include "harness/model/model.h"
#include "harness/protocol/protocol.h"
#include "harness/worker/rounding.h"

namespace assay {

/// Of one process. Each call throws OutcomeFound (INVALID, "fingerprint_mismatch") where two sides
/// differ by more than PathTolerance allows, starting from the dtype's fingerprint_tolerance().
class PathCheck {
 public:
  PathCheck(Model& model, const std::string& dtype);

  /// |timed - scored| against the largest |scored|, for logits and rows of a block. `rescored`
  /// computes `scored` once more.
  void require_same(const at::Tensor& timed, const at::Tensor& scored, const std::string& what,
                    const std::function<at::Tensor()>& rescored);

  /// What the probe showed, largest logit = 1.
  struct Probed {
    Fingerprint fingerprint;  ///< of a whole pass
    double distance = 0;      ///< largest of the comparisons made
    double allowed = 0;       ///< of them
  };
  /// A whole pass of the probe against what scoring saw, where that is known, and against the
  /// model's other path (see other_path()); decisions of blocks likewise.
  Probed require_same_probe(const std::optional<Fingerprint>& expected);

 private:
  Model& model_;
  PathTolerance values_, probe_, decisions_;
};

}  // namespace assay
