#pragma once
// Published values: what a paper says came out, in which convention, and how well that is known.
// Files and keys: docs/formats/claims.md.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/config/catalogue.h"
#include "harness/config/experiment.h"

namespace assay {

/// How well a published value is known.
enum class Grade {
  kVerified,   ///< the paper's text, or the authors' repository or result files
  kSecondary,  ///< somebody else's text
  kRecalled,   ///< from memory; kept, never shown as a claim
  kUnknown,    ///< a place for a value that nobody has
};
std::string grade_name(Grade grade);

/// What stands in a table of a paper, in the claim's own unit.
struct PublishedValue {
  enum class Kind { kNone, kNumber, kRange, kBelow, kAbove, kText };
  Kind kind = Kind::kNone;
  double lo = 0, hi = 0;  ///< equal for a number; `lo` of "above", `hi` of "below"
  std::string text;
  /// "14.89", "7.09-7.1", "<4.5", "negligible"; "" for none.
  [[nodiscard]] std::string printed() const;
};

struct Claim {
  std::string id, model, dataset;
  std::string metric;       ///< an id of claims/metrics.toml; "" when metric_text says it
  std::string metric_text;  ///< the paper's words for what assay has no id for
  std::string metric_note;  ///< what the paper adds to the metric's name
  std::string setting;      ///< as printed
  std::string method;       ///< a method of assay, or the paper's name for another
  /// The setting as parameters of `method`; what they leave out is at its default. Absent: the
  /// paper does not say enough to set them.
  std::optional<Json> params;
  std::optional<Json> calibration;  ///< {"dataset", "samples", "tokens"}
  PublishedValue value;
  std::string unit, source;
  Grade grade = Grade::kUnknown;
  bool informational = false;  ///< "up to", "about", words: shown, never compared
  std::string baseline;        ///< id of the claim that a ratio is taken to
  std::string against;         ///< "dense", or words, where no row holds the baseline
  std::string denominator;     ///< of a reduction: "model", or the paper's words
  std::string stack, device, hardware;
  std::optional<std::int64_t> shots, batch, prompt_tokens, new_tokens;
  bool random_weights = false;  ///< measured on weights that were never trained
  bool offloaded = false;       ///< weights did not lie in the device's memory
  SourcePlace place;

  /// Metric with note, as printed.
  [[nodiscard]] std::string metric_name() const;
};

/// One paper, or one table of another paper's repository.
struct Paper {
  std::string name, title, reference, note;
  std::vector<std::string> aliases;
  std::map<std::string, std::vector<std::string>> model_names;  ///< printed name -> folder names
  std::vector<Claim> claims;
};

enum class MetricKind { kPerplexity, kAccuracy, kSpeedup, kReduction, kTime };

/// What a metric id means and where assay measures the same.
struct ClaimMetric {
  std::string id, means;
  MetricKind kind = MetricKind::kPerplexity;
  std::string tag;         ///< of assay's metric; "" when there is nothing near
  std::string suite;       ///< the only suite with these data; "": the data set decides
  std::string convention;  ///< how the stored convention must start
  std::string absent;      ///< why assay cannot measure it; "" when it can
};

/// The suite that asks a published data set's questions.
struct ClaimDataset {
  std::vector<std::string> names;
  std::string suite;
  std::int64_t shots = 0;
};

/// How far a measured value may be from a published one. Empty conditions hold for all.
struct Tolerance {
  MetricKind kind = MetricKind::kPerplexity;
  std::vector<std::string> methods;
  std::optional<double> sparsity;  ///< unstructured
  std::string pattern;             ///< "N:M": any
  double absolute = 0, relative = 0;
  double other_seed = 0;  ///< absolute, when calibration was drawn with another seed; 0: as above
  std::string why;
};

struct ClaimSet {
  std::vector<Paper> papers;  ///< sorted by name
  std::vector<ClaimMetric> metrics;
  std::vector<ClaimDataset> datasets;
  std::vector<Tolerance> tolerances;

  /// Null for claims with words instead of an id.
  [[nodiscard]] const ClaimMetric* metric_of(const Claim& claim) const;
  /// Null when no suite of assay has these data.
  [[nodiscard]] const ClaimDataset* dataset_of(const Claim& claim) const;
};

/// A claim with the paper that makes it. Points into a ClaimSet.
struct ClaimOf {
  const Paper* paper = nullptr;
  const Claim* claim = nullptr;
};

/// Reads `share`/claims/metrics.toml, `share`/claims/papers/*.toml and
/// `share`/methods/*/claims.toml. Throws UserError with the problems of all files together.
ClaimSet read_claims(const std::filesystem::path& share);

/// Throws UserError where a claim gives a method of the catalogue parameters that it does not have
/// or values that it does not allow, or names a suite that is not there.
void check_claims(const ClaimSet& claims, const Catalogue& catalogue);

/// The claims of a paper (by name or alias), or else those of all papers about a method. Throws
/// UserError with near names for anything else.
std::vector<ClaimOf> find_claims(const ClaimSet& claims, const std::string& name);

}  // namespace assay
