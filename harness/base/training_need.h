#pragma once
// The kinds of data that methods take, and what a method can train on, as data.

#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/base/requirement.h"

namespace assay {

/// Forms of data, by the kinds of data sets that hold them. Nothing trains on items.
inline constexpr const char* kLabelledData = "labelled";  ///< texts or pairs with a class
inline constexpr const char* kTextData = "text";          ///< one stream of tokens
inline constexpr const char* kItemsData = "items";        ///< questions with candidate answers

/// A form that a method takes, and what that means for the model.
struct TrainingNeed {
  std::string data;                         ///< kLabelledData or kTextData
  std::vector<Requirement> requires_ = {};  ///< of the model, beside what the method asks anyway
  /// Traits of the model that are others afterwards ("output", "classes"), beside those that the
  /// method changes anyway.
  std::vector<std::string> changes = {};
};

/// Null where the method does not take this form.
const TrainingNeed* find_training(const std::vector<TrainingNeed>& needs, const std::string& data);
/// "labelled or text"; "" for a method that does not train.
std::string training_forms(const std::vector<TrainingNeed>& needs);

Json to_json(const std::vector<TrainingNeed>& needs);
std::vector<TrainingNeed> training_needs_from_json(const Json& list);

}  // namespace assay
