#include "harness/method/recording_context.h"

#include <map>
#include <stdexcept>
#include <system_error>

#include "harness/base/clock.h"
#include "harness/base/errors.h"

namespace assay {

const Method& sole_method(void (*add)(MethodRegistry& registry)) {
  static std::map<void (*)(MethodRegistry&), MethodRegistry> registries;
  MethodRegistry& registry = registries[add];
  if (registry.all().empty()) add(registry);
  return *registry.all().front();
}

RecordingContext::RecordingContext(at::Tensor calibration, std::uint64_t seed,
                                   std::filesystem::path model_folder)
    : calibration_(std::move(calibration)),
      seed_(seed),
      model_folder_(std::move(model_folder)),
      scratch_(std::filesystem::temp_directory_path() / ("assay-scratch-" + new_uuid())) {
  std::filesystem::create_directories(scratch_);
}

RecordingContext::~RecordingContext() {
  std::error_code ignored;
  std::filesystem::remove_all(scratch_, ignored);
}

const at::Tensor& RecordingContext::calibration() const {
  if (!calibration_.defined()) throw std::logic_error("this method did not ask for calibration");
  asked_ = true;
  return calibration_;
}

const AnsweredItems* RecordingContext::calibration_items() const {
  asked_ = asked_ || answered != nullptr;
  return answered;
}

const LabelledItems& RecordingContext::training() const {
  if (training_items == nullptr) return FitContext::training();
  asked_training_ = true;
  return *training_items;
}

const TrainingText& RecordingContext::training_text() const {
  if (text_for_training == nullptr) return FitContext::training_text();
  asked_training_ = true;
  return *text_for_training;
}

void RecordingContext::progress(std::int64_t done, std::int64_t total, const std::string&) {
  if (interrupt_at >= 0 && static_cast<std::int64_t>(steps.size()) >= interrupt_at) {
    throw Interrupted();
  }
  steps.emplace_back(done, total);
}

void RecordingContext::warn(const std::string& code, const std::string& text) {
  warnings.emplace_back(code, text);
}

}  // namespace assay
