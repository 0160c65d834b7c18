#pragma once
// The prepared data that an experiment asks for. Internal to harness/plan.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/plan/plan.h"

namespace assay {

/// Asks the resolver for each of them once. Models are named by their place among the plan's.
class PlannedData {
 public:
  /// All must outlive it; the models may still be added to.
  PlannedData(const std::vector<ResolvedModel>& models, const Catalogue& catalogue,
              Resolver& resolver)
      : models_(models), catalogue_(catalogue), resolver_(resolver) {}

  /// What a suite reads; its kind must have a data format.
  const ResolvedData& of_suite(std::size_t model, const SuiteChoice& suite);
  const ResolvedData& of_calibration(std::size_t model, const CalibrationChoice& choice);
  const ResolvedData& of_training(std::size_t model, const TrainingChoice& choice);

 private:
  const ResolvedData& stream(std::size_t model, const std::string& dataset,
                             const std::string& split);
  const ResolvedData& items(std::size_t model, const std::string& dataset, const std::string& split,
                            const std::string& task);
  const ResolvedData& labelled(std::size_t model, const std::string& dataset,
                               const std::string& split, std::int64_t max_tokens);
  const ResolvedData& once(const std::vector<std::string>& name,
                           const std::function<ResolvedData()>& resolve);

  const std::vector<ResolvedModel>& models_;
  const Catalogue& catalogue_;
  Resolver& resolver_;
  std::map<std::vector<std::string>, ResolvedData> known_;  ///< by form, model and what it is of
};

}  // namespace assay
