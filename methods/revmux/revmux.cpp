// Data multiplexing with reversible adapters around an encoder that stays as it is.

#include <string>
#include <vector>

#include "harness/train/training_forms.h"
#include "methods/revmux/rev_model.h"
#include "methods/revmux/settings.h"
#include "methods/revmux/training.h"

namespace assay {
namespace revmux {
namespace {

class RevMux final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "revmux";
    info.summary =
        "Runs several sequences through the upper layers of a frozen encoder as one; reversible "
        "adapters learn to mix them and to tell them apart";
    info.citation =
        "Xu et al., RevMUX: Data Multiplexing with Reversible Adapters for Efficient LLM Batch "
        "Inference, EMNLP 2024, arXiv 2410.04519";
    info.params = settings_params();
    info.requires_ = {{"causal", "==", false,
                       "the first position of a decoder sees nothing of the mixed sequences, and "
                       "a cache would bind them together token by token"}};
    info.needs.training = {labelled_need()};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    return unmet_shape(spec, params);
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    return learn(model, context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    apply_multiplexed(model, artefact);
  }
};

}  // namespace
}  // namespace revmux

void register_revmux(MethodRegistry& registry) { registry.add(std::make_unique<revmux::RevMux>()); }

}  // namespace assay
