#include "harness/method/method.h"

#include <algorithm>
#include <stdexcept>

namespace assay {
namespace {

/// The harness's services with the artefacts of earlier stages.
class StagedContext final : public FitContext {
 public:
  StagedContext(FitContext& outer, const StageInfo& stage,
                const std::map<std::string, Artefact>& made)
      : outer_(outer), stage_(stage), made_(made) {}

  [[nodiscard]] const at::Tensor& calibration() const override {
    require(stage_.calibration, "calibration data");
    return outer_.calibration();
  }
  [[nodiscard]] const AnsweredItems* calibration_items() const override {
    return stage_.calibration ? outer_.calibration_items() : nullptr;
  }
  [[nodiscard]] const LabelledItems& training() const override {
    require(stage_.training, "training items");
    return outer_.training();
  }
  [[nodiscard]] const TrainingText& training_text() const override {
    require(stage_.training, "training text");
    return outer_.training_text();
  }
  [[nodiscard]] const Artefact& input(const std::string& stage) const override {
    const auto& asked = stage_.inputs;
    require(std::find(asked.begin(), asked.end(), stage) != asked.end(), "stage '" + stage + "'");
    return made_.at(stage);
  }
  [[nodiscard]] std::uint64_t seed() const override { return outer_.seed(); }
  void progress(std::int64_t done, std::int64_t total, const std::string& what) override {
    outer_.progress(done, total, stage_.name + ": " + what);
  }
  void warn(const std::string& code, const std::string& text) override { outer_.warn(code, text); }
  void metric(const std::string& name, double value) override { outer_.metric(name, value); }
  [[nodiscard]] const std::filesystem::path& scratch() const override { return outer_.scratch(); }
  [[nodiscard]] const std::filesystem::path& checkpoints() const override {
    return outer_.checkpoints();
  }
  [[nodiscard]] double checkpoint_seconds() const override { return outer_.checkpoint_seconds(); }
  [[nodiscard]] const std::filesystem::path& model_folder() const override {
    return outer_.model_folder();
  }

 private:
  void require(bool declared, const std::string& what) const {
    if (declared) return;
    throw std::logic_error("stage '" + stage_.name + "' uses " + what + " without declaring it");
  }
  FitContext& outer_;
  const StageInfo& stage_;
  const std::map<std::string, Artefact>& made_;
};

}  // namespace

const LabelledItems& FitContext::training() const {
  throw std::logic_error("training items used by a fit that was given none");
}

const TrainingText& FitContext::training_text() const {
  throw std::logic_error("training text used by a fit that was given none");
}

const Artefact& FitContext::input(const std::string& stage) const {
  throw std::logic_error("the artefact of stage '" + stage + "' used without declaring it");
}

std::vector<Requirement> requirements_of(const MethodInfo& info) {
  std::vector<Requirement> all = info.requires_;
  if (!info.takes_experts) {
    all.push_back({"ffn.experts", "==", 0, info.name + " does not work on mixtures of experts"});
  }
  return all;
}

std::vector<std::string> Method::unmet(const ModelSpec&, const Params&) const { return {}; }

Artefact Method::fit(const Model& model, FitContext& context, const Params& params) const {
  const std::vector<StageInfo> stages = info().stages;
  if (stages.empty()) throw std::logic_error("a method without stages must say how it is fitted");
  std::map<std::string, Artefact> made;
  for (const StageInfo& stage : stages) {
    if (!stage.there_for(params.json())) continue;
    StagedContext staged(context, stage, made);
    made[stage.name] = fit_stage(stage.name, model, staged, params);
  }
  return std::move(made.at(stages.back().name));
}

Artefact Method::fit_stage(const std::string& stage, const Model&, FitContext&,
                           const Params&) const {
  throw std::logic_error("this method has no stage '" + stage + "'");
}

}  // namespace assay
