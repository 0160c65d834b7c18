#pragma once
// The first stage of a fit: what choices of every size are made from.

#include <cstdint>
#include <string>
#include <vector>

#include "harness/method/method.h"
#include "harness/model/standard_ffn.h"

namespace assay::contextual {

/// Tensors of an artefact, for each layer l that has such blocks; by the parameter `by`:
///   static  "layer.<l>.heads" f32 [heads], "layer.<l>.neurons" f32 [neurons]: the criterion's sum
///           over the calibration sequences
///   svd     "layer.<l>.estimate.<gate, up>.<left, right>": see svd_plain()
///   sign    "layer.<l>.signs.*": see store_packed()
/// Nothing for oracle and random. Throws DoesNotApply where a method replaced a block that is
/// looked at.
Artefact score(const Model& model, FitContext& context, const Params& params);

/// Those that score neurons as well as heads, the published one first.
std::vector<std::string> criterion_names();

std::string scores_name(std::int64_t layer, const char* units);
std::string thin_name(std::int64_t layer, const char* matrix, const char* part);
std::string signs_name(std::int64_t layer);

/// The model's own block. Throws std::bad_cast for another.
const StandardFfn& ffn_of(const Model& model, std::int64_t layer);
/// The dense matrices in front of the activation: gate and up, or up alone.
std::vector<Slot> first_slots(const StandardFfn& ffn);

}  // namespace assay::contextual
