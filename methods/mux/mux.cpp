// Data multiplexing: several sequences run through an encoder as one.

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "harness/mux/prefix.h"
#include "harness/train/training_forms.h"
#include "methods/mux/multiplexed.h"
#include "methods/mux/settings.h"
#include "methods/mux/stages.h"

namespace assay {
namespace mux_method {
namespace {

/// What a prefix asks of a vocabulary, and the length of sequences of the model.
void add_length_problems(const ModelSpec& spec, const Params& params,
                         std::vector<std::string>& problems) {
  const std::int64_t length = params.get_int("length"), instances = params.get_int("instances");
  if (params.get_text("demultiplexer") != "prefix") {
    if (length <= spec.max_positions) return;
    problems.push_back(fmt::format("length = {}, and the model sees at most {} tokens; lower it",
                                   length, spec.max_positions));
    return;
  }
  const std::int64_t prefix = mux::prefix_length(instances);
  if (prefix + std::max<std::int64_t>(length, 1) > spec.max_positions) {
    problems.push_back(fmt::format(
        "length = {} behind a prefix of {}, and the model sees at most {} tokens; lower "
        "length or instances",
        length, prefix, spec.max_positions));
  }
  if (!mux::has_prefix_tokens(spec.vocab, instances)) {
    problems.push_back(fmt::format(
        "a vocabulary of {} tokens has too few for a prefix of {} instances; lower instances",
        spec.vocab, instances));
  }
}

class Mux final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "mux";
    info.summary =
        "Runs several sequences through an encoder as one, which learns to tell them apart";
    info.citation =
        "Murahari et al., DataMUX: Data Multiplexing for Neural Networks, NeurIPS 2022, arXiv "
        "2202.09318; Murahari et al., MUX-PLMs, 2023, arXiv 2302.12441";
    info.params = settings_params();
    info.requires_ = {{"causal", "==", false,
                       "the first position of a decoder sees nothing of the mixed sequences, and "
                       "a cache would bind them together token by token; published for encoders "
                       "only"}};
    info.needs.calibration = true;
    info.needs.calibration_unless = {{{{"retrieval_steps", 0}}}};
    info.needs.training = {labelled_need()};
    info.stages = {{.name = kWarmUp, .params = warm_up_params(), .inputs = {}, .calibration = true},
                   {.name = kTask, .params = task_params(), .inputs = {kWarmUp}, .training = true}};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems;
    if (params.get_text("multiplexer") == "binary" && params.get_int("instances") > spec.width) {
      problems.emplace_back(
          "multiplexer = 'binary' gives each instance a part of the width, and there are more "
          "instances than dimensions; lower instances");
    }
    add_length_problems(spec, params, problems);
    return problems;
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    return stage == kWarmUp ? warm_up(model, context, params) : learn_task(model, context, params);
  }

  void apply(Model& model, const Artefact& artefact) const override {
    apply_multiplexed(model, artefact);
  }
};

}  // namespace
}  // namespace mux_method

void register_mux(MethodRegistry& registry) { registry.add(std::make_unique<mux_method::Mux>()); }

}  // namespace assay
