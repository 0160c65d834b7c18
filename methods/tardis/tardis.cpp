// TARDIS, also published as LLMFolder: constant folding of feed-forward blocks.
#include <memory>

#include "methods/tardis/block.h"
#include "methods/tardis/fit.h"
#include "methods/tardis/gated.h"
#include "methods/tardis/settings.h"

namespace assay {
namespace {

class Tardis final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "tardis";
    info.summary =
        "Folds each FFN into one matrix with a line for each neuron, and computes outliers exactly "
        "(TARDIS, also named LLMFolder)";
    info.citation =
        "Hu, Wang, Wei, Huang and Chen, Accelerating Large Language Models through Partially "
        "Linear "
        "Feed-Forward Network (TARDIS), arXiv 2501.10054; the same authors, LLMFolder: Revisiting "
        "Constant Folding in Large Language Models, EuroSys 2026, DOI 10.1145/3767295.3769339";
    info.params = tardis_params();
    info.needs.calibration = true;
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    return tardis_unmet(spec, params);
  }

  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const TardisSettings settings = tardis_settings(model.spec(), params);
    if (model.spec().ffn_gated) return fit_gated(model, context, settings);
    return fit_tardis(model, context, settings, params.get_text("predictor"));
  }

  void apply(Model& model, const Artefact& artefact) const override {
    if (artefact.plan.contains("gated")) return apply_gated(model, artefact);
    for (const Json& entry : artefact.plan.at("layers")) {
      const auto index = entry.get<std::int64_t>();
      Layer& layer = model.layers().at(static_cast<std::size_t>(index));
      layer.ffn = make_tardis_ffn(artefact, index, layer, model.spec().activation);
    }
  }
};

}  // namespace

void register_tardis(MethodRegistry& registry) { registry.add(std::make_unique<Tardis>()); }

}  // namespace assay
