// FLAP (arXiv 2312.11983): heads and neurons that hardly fluctuate go, and what they give on
// average becomes a bias.
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/python_random.h"
#include "harness/method/layerwise.h"
#include "harness/method/masks.h"
#include "harness/method/sparsity.h"
#include "harness/model/slicing.h"
#include "methods/flap/moments.h"
#include "methods/flap/units.h"

namespace assay {
namespace flap {
namespace {

constexpr const char* kMoments = "moments";

ParamSpec choice(const char* name, std::vector<std::string> choices, const char* help) {
  ParamSpec spec;
  spec.name = name;
  spec.type = ParamType::kChoice;
  spec.default_value = choices.front();
  spec.choices = std::move(choices);
  spec.help = help;
  return spec;
}

std::vector<ParamSpec> param_specs() {
  ParamSpec ratio;
  ratio.name = "ratio";
  ratio.default_value = 0.2;
  ratio.min = 0;
  ratio.max = 1;
  ratio.max_open = true;
  ratio.help = "Part of the parameters of the chosen blocks of all layers that goes";
  ParamSpec bias;
  bias.name = "bias_compensation";
  bias.type = ParamType::kBool;
  bias.default_value = true;
  bias.help = "Add what the removed heads and neurons give on average to the biases of o and down";
  ParamSpec allow;
  allow.name = kAllowSuiteData;
  allow.type = ParamType::kBool;
  allow.default_value = false;
  allow.help = "Calibrate on a data set that a suite of the experiment scores all the same";
  return {ratio,
          choice("allocation", {"al_am", "ul_um"},
                 "Units compete over all layers and blocks, or every block loses the same part"),
          choice("by", {"fluctuation", "random"},
                 "Which units go: those that fluctuate least, or any (the control)"),
          choice("blocks", {"all", "ffn", "attention"}, "Blocks of the layers that are pruned"),
          bias,
          choice("calibrate_on", {"dense", "compressed"},
                 "Whether the averages for the biases are taken behind unchanged or compressed "
                 "layers; the choice is always that of the unchanged model"),
          allow};
}

Blocks blocks_value(const Params& params) {
  const std::string blocks = params.get_text("blocks");
  if (blocks == "all") return Blocks::kAll;
  return blocks == "ffn" ? Blocks::kFfn : Blocks::kAttention;
}

/// "layer.3.head_groups", "layer.3.neurons": the units that stay.
std::string kept_name(std::int64_t layer, Slot reader) {
  return fmt::format("layer.{}.{}", layer, reader == Slot::kO ? "head_groups" : "neurons");
}

/// What is added to a bias.
std::string shift_name(std::int64_t layer, Slot reader) {
  return slot_path(layer, reader) + ".bias_shift";
}

/// The layer without those channels of one matrix's input, at full size, and with a shifted bias.
void silence(Layer& layer, Slot reader, const at::Tensor& channels, const at::Tensor& shift) {
  const DenseLinear& old = layer.dense(reader);
  const at::Tensor weight = old.weight();
  weight.index_fill_(1, channels.to(weight.device()), 0);
  const at::Tensor bias =
      old.bias().defined() ? old.bias() : at::zeros({weight.size(0)}, weight.options());
  layer.replace_linear(reader,
                       std::make_unique<DenseLinear>(
                           weight, bias.to(at::kFloat).add(shift.to(bias.device())).to(bias)));
}

/// Whether a setting looks at the calibration text at all.
bool measures(const Params& params) {
  return params.get_text("by") != "random" || params.get_bool("bias_compensation");
}

/// "layer.3.down.mean", "layer.3.o.variance"
std::string moment_name(std::int64_t layer, Slot reader, const char* what) {
  return fmt::format("{}.{}", slot_path(layer, reader), what);
}

/// First stage: one pass over the unchanged model, for every choice that is made from it.
Artefact measure_moments(const Model& model, FitContext& context, const Params& params) {
  Artefact artefact;
  if (!measures(params)) return artefact;
  WalkOptions options;
  options.calibrate_on = CalibrateOn::kDense;
  const std::vector<UnitBlock> blocks = unit_blocks(model, Blocks::kAll);
  for_each_layer(model, context, options, [&](LayerVisit& visit) -> std::optional<Layer> {
    LayerMoments moments;
    visit.observe(moments);
    for (const UnitBlock& block : blocks) {
      if (block.layer != visit.index()) continue;
      const ChannelMoments& input = moments.input_of(block.reader);
      artefact.tensors[moment_name(block.layer, block.reader, "mean")] = input.mean();
      artefact.tensors[moment_name(block.layer, block.reader, "variance")] = input.variance();
    }
    return std::nullopt;
  });
  return artefact;
}

/// Second stage: what goes, and what takes its place.
class Fit {
 public:
  Fit(const Model& model, FitContext& context, const Params& params)
      : model_(model),
        context_(context),
        params_(params),
        blocks_(unit_blocks(model, blocks_value(params))) {}

  Artefact run() {
    if (measures(params_)) take_moments(context_.input(kMoments));
    if (params_.get_text("by") == "random") score_at_random();
    choose();
    if (compensates()) compensate();
    report();
    return std::move(artefact_);
  }

 private:
  [[nodiscard]] bool compensates() const { return params_.get_bool("bias_compensation"); }

  /// Every unit gets a place in the order by lot.
  void score_at_random() {
    PythonRandom lots(context_.seed());
    for (UnitBlock& block : blocks_) {
      block.scores = at::empty({block.units}, at::kDouble);
      double* scores = block.scores.mutable_data_ptr<double>();
      std::generate_n(scores, block.units, [&] { return static_cast<double>(lots.next_u32()); });
    }
  }

  /// Calls with every pruned block of a layer and its place in the list.
  template <typename Call>
  void each_block_of(std::int64_t layer, Call call) {
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (blocks_[b].layer == layer) call(blocks_[b], b);
    }
  }

  void take_moments(const Artefact& moments) {
    means_.resize(blocks_.size());
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      UnitBlock& block = blocks_[b];
      const auto moment = [&](const char* what) {
        return moments.tensors.at(moment_name(block.layer, block.reader, what));
      };
      means_[b] = moment("mean");
      const Layer& layer = model_.layers()[static_cast<std::size_t>(block.layer)];
      block.scores = unit_scores(
          block, fluctuation(weight_for_fit(layer.dense(block.reader)), moment("variance")));
      require_finite_scores(block.scores, slot_path(block.layer, block.reader));
    }
  }

  void choose() {
    const double ratio = params_.get_real("ratio");
    removed_ = params_.get_text("allocation") == "al_am" ? remove_lowest_of_all(blocks_, ratio)
                                                         : remove_lowest_of_each(blocks_, ratio);
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (removed_[b].size(0) == 0) continue;
      artefact_.tensors[kept_name(blocks_[b].layer, blocks_[b].reader)] =
          kept_units(blocks_[b], removed_[b]);
    }
  }

  void compensate() {
    if (params_.get_text("calibrate_on") == "compressed") return compensate_layer_by_layer();
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      if (removed_[b].size(0) == 0) continue;
      const Layer& layer = model_.layers()[static_cast<std::size_t>(blocks_[b].layer)];
      store_shift(layer, b, means_[b]);
    }
  }

  /// One more pass, whose rows come out of layers that are compressed already.
  void compensate_layer_by_layer() {
    for_each_layer(model_, context_, WalkOptions{}, [&](LayerVisit& visit) -> std::optional<Layer> {
      LayerMoments moments;
      visit.observe(moments);
      Layer changed = visit.layer().clone();
      each_block_of(visit.index(), [&](const UnitBlock& block, std::size_t b) {
        if (removed_[b].size(0) == 0) return;
        const at::Tensor shift =
            store_shift(visit.layer(), b, moments.input_of(block.reader).mean());
        silence(changed, block.reader, channels_of(block, removed_[b]), shift);
      });
      return changed;
    });
  }

  /// What the removed channels give when each has its average. f32 [out]
  at::Tensor store_shift(const Layer& layer, std::size_t b, const at::Tensor& mean) {
    const UnitBlock& block = blocks_[b];
    const at::Tensor channels = channels_of(block, removed_[b]);
    const at::Tensor weight = weight_for_fit(layer.dense(block.reader));
    at::Tensor shift = weight.index_select(1, channels)
                           .to(at::kDouble)
                           .matmul(mean.index_select(0, channels))
                           .to(at::kFloat);
    artefact_.tensors[shift_name(block.layer, block.reader)] = shift;
    return shift;
  }

  void report() {
    const double share = removed_share(blocks_, removed_);
    context_.metric("removed_parameters", share);
    for (std::size_t b = 0; b < blocks_.size(); ++b) {
      const std::int64_t kept = blocks_[b].units - removed_[b].size(0);
      const char* what = blocks_[b].reader == Slot::kO ? "head_groups" : "neurons";
      context_.metric(fmt::format("kept_{}/layer.{}", what, blocks_[b].layer),
                      static_cast<double>(kept));
    }
    const double asked = params_.get_real("ratio");
    if (asked - share <= rounding_share(blocks_)) return;
    context_.warn("ratio_not_reached",
                  fmt::format("ratio = {}, and {:.4f} of the parameters go: every layer keeps one "
                              "group of heads and {} neurons",
                              asked, share, kFewestNeurons));
  }

  const Model& model_;
  FitContext& context_;
  const Params& params_;
  std::vector<UnitBlock> blocks_;
  std::vector<at::Tensor> means_;  ///< f64, of the reader's input channels, a block
  Removed removed_;
  Artefact artefact_;
};

class Flap final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "flap";
    info.summary = "Takes out heads and neurons that fluctuate least, and keeps their average";
    info.citation =
        "An et al., Fluctuation-based Adaptive Structured Pruning for Large Language Models, AAAI "
        "2024, arXiv 2312.11983";
    info.params = param_specs();
    info.stages = {
        {.name = kMoments,
         .params = {"by", "bias_compensation"},
         .inputs = {},
         .calibration = true},
        {.name = "choice",
         .params = {"ratio", "allocation", "by", "blocks", "bias_compensation", "calibrate_on"},
         .inputs = {kMoments},
         .calibration = true},
    };
    info.needs.calibration = true;
    info.needs.calibration_apart = true;
    info.needs.calibration_unless = {{{{"by", "random"}, {"bias_compensation", false}}}};
    return info;
  }

  [[nodiscard]] std::vector<std::string> unmet(const ModelSpec& spec,
                                               const Params& params) const override {
    std::vector<std::string> problems;
    const Blocks blocks = blocks_value(params);
    const std::string why = why_heads_stay(spec);
    if (!why.empty() && blocks != Blocks::kFfn) {
      problems.push_back(why + ", so no head can be taken out; set blocks = 'ffn'");
    } else if (spec.shape.kv_heads == 1 && blocks == Blocks::kAttention) {
      problems.emplace_back(
          "all heads of a layer share one key/value head, so none can be taken out; set blocks = "
          "'ffn'");
    }
    if (params.get_text("calibrate_on") == "compressed" && !params.get_bool("bias_compensation")) {
      problems.emplace_back(
          "calibrate_on = 'compressed' changes only the biases; it needs bias_compensation = true");
    }
    return problems;
  }

  [[nodiscard]] Artefact fit_stage(const std::string& stage, const Model& model,
                                   FitContext& context, const Params& params) const override {
    return stage == kMoments ? measure_moments(model, context, params)
                             : Fit(model, context, params).run();
  }

  void apply(Model& model, const Artefact& artefact) const override {
    for (const Slot reader : {Slot::kO, Slot::kDown}) {
      for (std::int64_t i = 0; i < model.layer_count(); ++i) {
        slice(model, i, reader, artefact);
        shift_bias(model, i, reader, artefact);
      }
    }
  }

 private:
  static void slice(Model& model, std::int64_t layer, Slot reader, const Artefact& artefact) {
    const auto kept = artefact.tensors.find(kept_name(layer, reader));
    if (kept == artefact.tensors.end()) return;
    reader == Slot::kO ? keep_head_groups(model, layer, kept->second)
                       : keep_neurons(model, layer, kept->second);
  }

  static void shift_bias(Model& model, std::int64_t layer, Slot reader, const Artefact& artefact) {
    const auto shift = artefact.tensors.find(shift_name(layer, reader));
    if (shift == artefact.tensors.end()) return;
    model.add_bias(reader);
    const at::Tensor bias = model.layers()[static_cast<std::size_t>(layer)].dense(reader).bias();
    bias.copy_(bias.to(at::kFloat).add(shift->second.to(bias.device())));
  }
};

}  // namespace
}  // namespace flap

void register_flap(MethodRegistry& registry) { registry.add(std::make_unique<flap::Flap>()); }

}  // namespace assay
