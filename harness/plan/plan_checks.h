#pragma once
// Rules between a model and what is asked of it. Internal to harness/plan.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/config/catalogue.h"
#include "harness/plan/plan.h"

namespace assay {

/// Longest window of the model; 0 when its traits do not say.
std::int64_t positions_of(const ResolvedModel& model);

/// Length of a calibration sample: as given, else the smaller of 2048 and the model's positions.
std::int64_t calibration_tokens(const CalibrationChoice& choice, const ResolvedModel& model);

/// Length of a window of training text: as given, else the smaller of 256 and the model's
/// positions.
std::int64_t training_tokens(const TrainingChoice& choice, const ResolvedModel& model);

/// What a setting asks of the model and the model does not meet: of the method, and of the data
/// that it would train on.
std::vector<std::string> unmet_by_model(const MethodChoice& choice, const MethodEntry& method,
                                        const ResolvedModel& model);

/// What a suite asks of traits other than those that may change.
std::vector<Requirement> settled_before(const SuiteKindEntry& kind,
                                        const std::vector<std::string>& changed);

/// Traits that are others once this setting is applied.
std::vector<std::string> traits_changed_by(const MethodChoice& choice, const MethodEntry& method);

/// Why a model cannot run under this profile on a machine of so many bytes: its weights alone are
/// more. Empty where they are not, where the system tells no number, and on another device, whose
/// memory only the worker knows.
std::string beyond_memory(const ResolvedModel& model, const ProfileEntry& profile,
                          std::optional<std::int64_t> memory);

/// Each adds its problems, with the place in the experiment file.
void check_suite_lengths(const SuiteChoice& suite, const SuiteKindEntry& kind,
                         const ResolvedModel& model, std::vector<std::string>& problems);
void check_data_lengths(const MethodChoice& method, const ResolvedModel& model,
                        std::vector<std::string>& problems);
/// A pattern "N:M" must divide every row that it cuts into groups.
void check_pattern(const MethodChoice& method, const MethodEntry& entry, const ResolvedModel& model,
                   std::vector<std::string>& problems);
/// A `sparsity` must not say otherwise than a structured `pattern` beside it.
void check_sparsity(const MethodChoice& method, const MethodEntry& entry,
                    std::vector<std::string>& problems);

}  // namespace assay
