#pragma once
// A FitContext for tests: fixed calibration tokens, and everything reported kept for inspection.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "harness/method/method.h"

namespace assay {

/// The method that `add` registers, alive as long as the program.
const Method& sole_method(void (*add)(MethodRegistry& registry));

/// Owns a fresh scratch folder, removed with it.
class RecordingContext final : public FitContext {
 public:
  /// calibration may be undefined; model_folder may be empty.
  RecordingContext(at::Tensor calibration, std::uint64_t seed, std::filesystem::path model_folder);
  ~RecordingContext() override;
  RecordingContext(const RecordingContext&) = delete;
  RecordingContext& operator=(const RecordingContext&) = delete;

  [[nodiscard]] const at::Tensor& calibration() const override;
  [[nodiscard]] const AnsweredItems* calibration_items() const override;
  [[nodiscard]] bool asked_for_calibration() const { return asked_; }
  [[nodiscard]] const LabelledItems& training() const override;
  [[nodiscard]] const TrainingText& training_text() const override;
  [[nodiscard]] bool asked_for_training() const { return asked_training_; }
  [[nodiscard]] double checkpoint_seconds() const override { return between_checkpoints; }
  [[nodiscard]] std::uint64_t seed() const override { return seed_; }
  void progress(std::int64_t done, std::int64_t total, const std::string& what) override;
  void warn(const std::string& code, const std::string& text) override;
  void metric(const std::string& name, double value) override { metrics[name] = value; }
  [[nodiscard]] const std::filesystem::path& scratch() const override { return scratch_; }
  [[nodiscard]] const std::filesystem::path& model_folder() const override { return model_folder_; }

  const AnsweredItems* answered = nullptr;          ///< to calibrate on, not owned
  const LabelledItems* training_items = nullptr;    ///< not owned
  const TrainingText* text_for_training = nullptr;  ///< to train on, not owned
  double between_checkpoints = kCheckpointSeconds;
  /// Throw Interrupted from this progress call on (counted from 0); negative: never.
  std::int64_t interrupt_at = -1;
  std::vector<std::pair<std::int64_t, std::int64_t>> steps;   ///< done, total
  std::vector<std::pair<std::string, std::string>> warnings;  ///< code, text
  std::map<std::string, double> metrics;

 private:
  at::Tensor calibration_;
  mutable bool asked_ = false, asked_training_ = false;
  std::uint64_t seed_;
  std::filesystem::path model_folder_;
  std::filesystem::path scratch_;
};

}  // namespace assay
