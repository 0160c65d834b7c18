#pragma once
// Test support: the method on a small decoder, and contexts of single stages.

#include <ATen/core/grad_mode.h>
#include <ATen/ops/randint.h>
#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>

#include "harness/data/training_text.h"
#include "harness/method/recording_context.h"
#include "harness/model/golden_cases.h"
#include "methods/nas/stages.h"

namespace assay {

void register_nas(MethodRegistry& registry);

namespace nas {

inline const Method& method() { return sole_method(register_nas); }

inline TrainingText text_of(std::int64_t windows, std::int64_t window) {
  TrainingText text{.tokens = {}, .window = window};
  for (std::int64_t i = 0; i < windows * window; ++i) {
    text.tokens.push_back(static_cast<std::int32_t>(1 + (i * i) % 11));
  }
  return text;
}

inline Params params(const Json& given) { return {method().info().params, given}; }

/// A context that hands out what earlier stages made.
class StageContext final : public FitContext {
 public:
  StageContext(RecordingContext& context, std::map<std::string, Artefact> made)
      : context_(context), made_(std::move(made)) {}
  [[nodiscard]] const at::Tensor& calibration() const override { return context_.calibration(); }
  [[nodiscard]] const Artefact& input(const std::string& stage) const override {
    return made_.at(stage);
  }
  [[nodiscard]] std::uint64_t seed() const override { return context_.seed(); }
  void progress(std::int64_t, std::int64_t, const std::string&) override {}
  void warn(const std::string& code, const std::string& text) override {
    context_.warn(code, text);
  }
  void metric(const std::string& name, double value) override { context_.metric(name, value); }
  [[nodiscard]] const std::filesystem::path& scratch() const override { return context_.scratch(); }
  [[nodiscard]] const std::filesystem::path& model_folder() const override {
    return context_.model_folder();
  }

 private:
  RecordingContext& context_;
  std::map<std::string, Artefact> made_;
};

class Nas : public testing::Test {
 protected:
  Nas() { context_.text_for_training = &text_; }
  const at::NoGradGuard guard_;
  Model model_ = load_golden("llama_gqa");
  TrainingText text_ = text_of(20, 12);
  RecordingContext context_{at::randint(0, model_.spec().vocab, {4, 12}, at::kLong), 3, {}};

  void expect_unmet(const Json& given, const char* text) const {
    EXPECT_THAT(method().unmet(model_.spec(), params(given)),
                testing::Contains(testing::HasSubstr(text)));
  }
};

}  // namespace nas
}  // namespace assay
