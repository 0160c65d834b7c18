#include "methods/tardis/block.h"

#include <ATen/ops/empty.h>
#include <fmt/format.h>

#include <utility>

#include "harness/model/kernels/large_pages.h"
#include "methods/tardis/fold.h"

namespace assay {
namespace {

at::Tensor column(const LayerChoice& choice, float WindowOption::*member) {
  at::Tensor values = at::empty({static_cast<std::int64_t>(choice.size())}, at::kFloat);
  float* out = values.mutable_data_ptr<float>();
  for (const WindowOption& option : choice) *out++ = option.*member;
  return values;
}

void store_fold(Artefact& artefact, std::int64_t layer, const char* weight, const char* bias,
                const Folded& folded) {
  artefact.tensors[tardis_tensor(layer, weight)] = folded.weight.to(at::kCPU, at::kFloat);
  artefact.tensors[tardis_tensor(layer, bias)] = folded.bias.to(at::kCPU, at::kFloat);
}

DenseLinear load_fold(const Artefact& artefact, std::int64_t layer, const char* weight,
                      const char* bias, const at::Tensor& like) {
  const auto load = [&](const char* part) {
    return artefact_tensor(artefact, tardis_tensor(layer, part)).to(like.options());
  };
  return {copy_on_large_pages(load(weight)), load(bias).clone()};
}

const char* name_of(ManyRows how) {
  switch (how) {
    case ManyRows::kDense:
      return "dense";
    case ManyRows::kFoldOnly:
      return "fold_only";
    case ManyRows::kPerRow:
      break;
  }
  return "per_row";
}

}  // namespace

std::string tardis_tensor(std::int64_t layer, const char* part) {
  return fmt::format("layer.{}.{}", layer, part);
}

void store_policy(Artefact& artefact, const TardisSettings& settings,
                  const std::string& predictor) {
  artefact.plan["layers"] = Json::array();
  artefact.plan["predictor"] = predictor;
  artefact.plan["prefill"] = name_of(settings.policy.prefill);
  artefact.plan["batch"] = name_of(settings.policy.batch);
}

void store_layer(Artefact& artefact, std::int64_t layer, const PlainFfn& ffn,
                 const LayerChoice& choice, const FullLines& full, const TardisPolicy& policy) {
  const std::pair<const char*, float WindowOption::*> columns[] = {
      {"window_low", &WindowOption::low}, {"window_high", &WindowOption::high},
      {"low", &WindowOption::safe_low},   {"high", &WindowOption::safe_high},
      {"slope", &WindowOption::slope},    {"intercept", &WindowOption::intercept}};
  for (const auto& [name, member] : columns) {
    artefact.tensors[tardis_tensor(layer, name)] = column(choice, member);
  }
  const at::Device device = ffn.up.device();
  store_fold(artefact, layer, "fold", "fold_bias",
             fold(ffn, column(choice, &WindowOption::slope).to(device),
                  column(choice, &WindowOption::intercept).to(device)));
  if (policy.needs_full_fold()) {
    store_fold(artefact, layer, "full_fold", "full_fold_bias",
               fold(ffn, full.slope.to(device), full.intercept.to(device)));
  }
  artefact.plan["layers"].push_back(layer);
}

NeuronWindows load_windows(const Artefact& artefact, std::int64_t layer, const at::Tensor& like) {
  const auto load = [&](const char* part) {
    return artefact_tensor(artefact, tardis_tensor(layer, part)).to(like.device()).clone();
  };
  return {load("low"), load("high"), load("slope"), load("intercept")};
}

NeuronPredictor load_predictor(const Artefact& artefact, std::int64_t layer, const PlainFfn& ffn) {
  return {artefact, tardis_tensor(layer, "predictor"),
          predictor_kind(artefact.plan.at("predictor").get<std::string>()), ffn};
}

std::unique_ptr<TardisFfn> make_tardis_ffn(const Artefact& artefact, std::int64_t index,
                                           const Layer& layer, ActivationKind activation) {
  PlainFfn ffn = plain_ffn(layer, activation);
  const TardisPolicy policy{many_rows(artefact.plan.at("prefill").get<std::string>()),
                            many_rows(artefact.plan.at("batch").get<std::string>())};
  std::optional<DenseLinear> full;
  if (policy.needs_full_fold()) {
    full = load_fold(artefact, index, "full_fold", "full_fold_bias", ffn.up);
  }
  NeuronPredictor predictor = load_predictor(artefact, index, ffn);
  DenseLinear folded = load_fold(artefact, index, "fold", "fold_bias", ffn.up);
  NeuronWindows windows = load_windows(artefact, index, ffn.up);
  return std::make_unique<TardisFfn>(TardisParts{std::move(ffn), std::move(folded), std::move(full),
                                                 std::move(predictor), std::move(windows), policy});
}

}  // namespace assay
