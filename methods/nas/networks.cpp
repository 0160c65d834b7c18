#include "methods/nas/networks.h"

#include <string>
#include <vector>

#include "harness/method/masks.h"
#include "harness/train/classifier.h"
#include "harness/train/training_forms.h"

namespace assay::nas {
namespace {

/// How many windows or items there are, and how many of them are held out.
struct Sizes {
  std::int64_t all = 0, held = 0;
};

Sizes sizes_of(const Model& model, FitContext& context, const Params& params) {
  const bool decoder = model.spec().causal;
  const std::int64_t all = decoder ? context.training_text().windows() : context.training().count();
  return {all, held_out_count(params.get_real("dev_share"), all, decoder ? "windows" : "items")};
}

}  // namespace

subnetwork::Orders orders_of(const Artefact& sort) {
  return subnetwork::orders_from_tensors(sort.tensors);
}

Model ordered_model(const Model& model, const Artefact& sort) {
  Model ordered = model.clone();
  subnetwork::apply_orders(ordered, orders_of(sort));
  return ordered;
}

void add_planned_classifier(Model& model, const Json& plan, std::uint64_t seed) {
  if (!plan.contains(kLabels)) return;
  add_classifier(model, plan.at(kLabels).get<std::vector<std::string>>(), seed);
}

Model super_network(const Model& model, const Artefact& sort, const Artefact& trained,
                    std::uint64_t seed) {
  Model super = ordered_model(model, sort);
  add_planned_classifier(super, trained.plan, seed);
  apply_pruned_weights(super, trained);
  return super;
}

Materials materials_of(const Model& model, FitContext& context, const Params& params) {
  const auto [all, held] = sizes_of(model, context, params);
  if (model.spec().causal) {
    const TrainingText& text = context.training_text();
    return {subnetwork::text_material(model, text, 0, all - held),
            subnetwork::text_material(model, text, all - held, held)};
  }
  const LabelledItems& items = context.training();
  const ItemParts parts = item_parts(context.seed(), all, held);
  return {subnetwork::item_material(model, chosen_items(items, parts.train)),
          subnetwork::item_material(model, chosen_items(items, parts.held))};
}

std::unique_ptr<subnetwork::Material> held_out_material(const Model& model, FitContext& context,
                                                        const Params& params) {
  return std::move(materials_of(model, context, params).held_out);
}

}  // namespace assay::nas
