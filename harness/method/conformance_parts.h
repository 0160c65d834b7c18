#pragma once
// Steps that the conformance kit's checks share.

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/data/training_text.h"
#include "harness/method/conformance.h"
#include "harness/method/conformance_probe.h"
#include "harness/method/method.h"

namespace assay::conformance {

/// The unchanged model, and what is asked of it and fitted on.
struct Subject {
  explicit Subject(const std::filesystem::path& model_folder);
  std::filesystem::path folder;  ///< absolute
  Model model;
  ConformanceProbe probe;
  at::Tensor calibration;
  AnsweredItems answers;
  LabelledItems items;
  TrainingText text;
};

/// Collects problems, each behind the words that say where it was found.
class Findings {
 public:
  explicit Findings(ConformanceWatch watch = {}) : watch_(std::move(watch)) {}
  /// "magnitude: case {...}"; in front of everything from now on
  void begin(const std::string& label);
  void expect(ConformanceCheck check, bool holds, const std::string& problem);
  /// Notes that what the label says does not apply, for these reasons; each must say something.
  void leave_out(const std::vector<std::string>& reasons);
  void count() { ++report_.tried; }
  [[nodiscard]] ConformanceReport take() { return std::move(report_); }

 private:
  ConformanceWatch watch_;
  std::string label_;
  ConformanceReport report_;
};

/// What a fit made, and what it did on the way.
struct Fitted {
  Artefact artefact;
  std::map<std::string, double> metrics;
  bool asked_for_calibration = false, asked_for_training = false;
};
/// Fits on `model`, with what the method's needs name and nothing else.
Fitted fit_once(const Subject& subject, const Method& method, const Model& model,
                const Params& params);
/// The same, calibrated on items in place of a text.
Fitted fit_on_items(const Subject& subject, const Method& method, const Model& model,
                    const Params& params);

/// Why the method does not apply to a model of this kind; empty: it does.
std::vector<std::string> unmet_reasons(const Method& method, const ModelSpec& spec,
                                       const Json& given);

/// Bit for bit.
bool same_artefact(const Artefact& a, const Artefact& b);

/// What a file of the artefact gives back.
Artefact saved_and_loaded(const MethodInfo& info, const Params& params, const Artefact& artefact);

/// A clone with the artefact applied.
Model with_applied(const Model& model, const Method& method, const Artefact& artefact);

/// What every changed model must do: touch nothing but what the artefact names, score a sequence
/// alone as in a batch, and, where it is a decoder, go on after a prompt.
void check_changed_model(const Subject& subject, const Model& before, const Model& after,
                         const Artefact& artefact, Findings& findings);

}  // namespace assay::conformance
