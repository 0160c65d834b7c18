#pragma once
// What methods that train have in common: the forms of data they take, and the part held out.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/training_need.h"
#include "harness/data/labelled_items.h"
#include "harness/method/method.h"
#include "harness/model/model.h"

namespace assay {

/// Labelled items, for encoders; the model has a classifier of them afterwards.
TrainingNeed labelled_need();
/// Text, for decoders.
TrainingNeed text_need();

/// Gives an encoder without a classifier a fresh one of these classes; true when it did. Throws as
/// require_same_classes does where the model's own classes are others.
bool ensure_classifier(Model& model, const std::vector<std::string>& labels, std::uint64_t seed);

/// What differs from the model before, in fp32 on the CPU, by the names of parameters; what the
/// model before did not have is there too.
std::map<std::string, at::Tensor> changed_parameters(const Model& before, const Model& after);

/// How many of `count` items or windows are held out. Throws UserError where none would be left.
std::int64_t held_out_count(double dev_share, std::int64_t count, const char* unit);

/// Which items of `count` train and which are held out: the seed shuffles them, the last `held`
/// are.
struct ItemParts {
  std::vector<std::int64_t> train, held;
};
ItemParts item_parts(std::uint64_t seed, std::int64_t count, std::int64_t held);

/// The items themselves in these parts; without a held-out one where `dev_share` is 0. Throws as
/// held_out_count does.
struct SplitItems {
  LabelledItems train;
  std::optional<LabelledItems> dev;
};
SplitItems split_items(const LabelledItems& items, double dev_share, std::uint64_t seed);

/// Remark "mux_groups_filled" where a batch of items does not fill groups of `instances`, which run
/// as one.
void remark_on_groups(FitContext& context, std::int64_t batch, std::int64_t instances);

}  // namespace assay
