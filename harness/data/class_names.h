#pragma once
// Names of classes: those of a model's classifier beside those of labelled data.

#include <cstdint>
#include <string>
#include <vector>

namespace assay {

/// Whether two names mean the same class: upper and lower case, and what is neither a letter nor a
/// digit, make no difference ("Not_Entailment", "not entailment").
bool same_class(const std::string& one, const std::string& other);

/// Throws DoesNotApply for another number of classes, Misleading for classes of other names or in
/// another order. A model that names its classes by their numbers alone may have any. `classes`: of
/// the model.
void require_same_classes(std::int64_t classes, const std::vector<std::string>& of_model,
                          const std::vector<std::string>& of_data);

}  // namespace assay
