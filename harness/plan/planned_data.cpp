#include "harness/plan/planned_data.h"

namespace assay {

const ResolvedData& PlannedData::of_suite(std::size_t model, const SuiteChoice& suite) {
  const std::string& format = catalogue_.suite_kind(suite.kind).data_format;
  if (format == "items") {
    return items(model, suite.dataset, suite.split, catalogue_.suite(suite.id).task);
  }
  if (format == "labelled") {
    return labelled(model, suite.dataset, suite.split,
                    suite.params.value("max_tokens", std::int64_t{0}));
  }
  return stream(model, suite.dataset, suite.split);
}

const ResolvedData& PlannedData::of_calibration(std::size_t model,
                                                const CalibrationChoice& choice) {
  if (!choice.on_items()) return stream(model, choice.dataset, choice.split);
  return items(model, choice.dataset, choice.split, catalogue_.task_of(choice.dataset));
}

const ResolvedData& PlannedData::of_training(std::size_t model, const TrainingChoice& choice) {
  return choice.on_text() ? stream(model, choice.dataset, choice.split)
                          : labelled(model, choice.dataset, choice.split, choice.max_tokens);
}

const ResolvedData& PlannedData::stream(std::size_t model, const std::string& dataset,
                                        const std::string& split) {
  return once({"stream", std::to_string(model), dataset, split},
              [&] { return resolver_.stream(models_[model], dataset, split); });
}

const ResolvedData& PlannedData::items(std::size_t model, const std::string& dataset,
                                       const std::string& split, const std::string& task) {
  return once({"items", std::to_string(model), dataset, split, task},
              [&] { return resolver_.items(models_[model], dataset, split, task); });
}

const ResolvedData& PlannedData::labelled(std::size_t model, const std::string& dataset,
                                          const std::string& split, std::int64_t max_tokens) {
  return once({"labelled", std::to_string(model), dataset, split, std::to_string(max_tokens)},
              [&] { return resolver_.labelled(models_[model], dataset, split, max_tokens); });
}

const ResolvedData& PlannedData::once(const std::vector<std::string>& name,
                                      const std::function<ResolvedData()>& resolve) {
  const auto found = known_.find(name);
  return found != known_.end() ? found->second : known_.emplace(name, resolve()).first->second;
}

}  // namespace assay
