#pragma once
// Who is surely on a front of two values, and what leaves the others in doubt.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "reports/cells.h"
#include "reports/pareto.h"

namespace assay {

/// A method's two values: how good it is, and how large or fast.
struct Candidate {
  const Arm* arm = nullptr;
  const ResultRow* quality = nullptr;
  const ResultRow* other = nullptr;
};

/// Why a place on the front cannot be told: which other candidate, by which of both values.
struct Doubt {
  std::size_t rival = 0;
  bool in_quality = false;
};

enum class Standing {
  kOnFront,    ///< every other candidate is surely worse in one value, or equal in both
  kUndecided,  ///< neither: one that beats it, or would, is not told apart from it
  kBeaten,     ///< one that is on the front by its values is surely better in one, and in the other
               ///< surely better or equal
};

struct FrontVerdict {
  Standing standing = Standing::kBeaten;
  std::optional<Doubt> doubt;  ///< of what is undecided: the first one
};

/// How the first of two values of one metric stands to the second.
FrontSide side_of(const ResultRow& a, const ResultRow& b, const Evidence& evidence,
                  double confidence = 0.95);

/// Of each candidate. The comparisons of one share a one-sided level of 5 % (Bonferroni).
std::vector<FrontVerdict> front_verdicts(const std::vector<Candidate>& candidates,
                                         const Evidence& evidence);

}  // namespace assay
