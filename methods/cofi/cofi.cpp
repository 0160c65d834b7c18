// Structured pruning of an encoder by gates that training closes, with distillation.

#include "harness/gates/gated_model.h"
#include "harness/subnetwork/network_artefact.h"
#include "harness/train/training_forms.h"
#include "methods/cofi/settings.h"
#include "methods/cofi/stages.h"

namespace assay {
namespace cofi {
namespace {

class CoFi final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "cofi";
    info.summary =
        "Prunes heads, neurons, attentions and FFNs of an encoder by gates that training closes, "
        "taught by the whole model";
    info.citation =
        "Xia, Zhong and Chen, Structured Pruning Learns Compact and Accurate Models, ACL 2022, "
        "arXiv 2204.00408";
    info.params = settings_params();
    info.requires_ = {{"causal", "==", false,
                       "gates are trained on labelled texts, which a decoder does not classify"}};
    info.needs.training = {labelled_need()};
    info.stages = {
        {.name = kPrune, .params = prune_params(), .inputs = {}, .training = true},
        {.name = kFinetune, .params = finetune_params(), .inputs = {kPrune}, .training = true}};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params&) const override {
    if (spec.output == OutputKind::kClassifier && spec.classes > 0) return {};
    return {
        "cofi learns from the model's own scores, and this one has no classifier; put finetune "
        "before it: id = 'finetune', then = [{ id = 'cofi', ... }]"};
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    return stage == kPrune ? prune(model, context, params) : finetune(model, context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    subnetwork::apply_network(model, artefact);
  }
};

}  // namespace
}  // namespace cofi

void register_cofi(MethodRegistry& registry) { registry.add(std::make_unique<cofi::CoFi>()); }

}  // namespace assay
