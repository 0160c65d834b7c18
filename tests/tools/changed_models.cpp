// changed_models OUT: exports the small models of tests/data/model after changes of their shape,
// each into OUT/CASE-CHANGE, with expected.safetensors (`tokens`, `logits`) of the changed model in
// memory beside its files. Used by scripts/golden/export_parity.py.

#include <ATen/ops/arange.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/export/config_writer.h"
#include "harness/export/model_folder.h"
#include "harness/method/tensor_file.h"
#include "harness/model/golden_cases.h"
#include "harness/model/slicing.h"

namespace assay {
namespace {

at::Tensor first(std::int64_t count) { return at::arange(count, at::kLong); }

void narrow_one_layer(Model& model) {
  const LayerShape shape = model.spec().layer(0);
  keep_neurons(model, 0, first(shape.ffn_width - 8));
  if (shape.kv_heads > 1) keep_head_groups(model, 0, first(1));
}

void narrow_all_layers(Model& model) {
  for (std::int64_t i = 0; i < model.layer_count(); ++i) {
    const LayerShape shape = model.spec().layer(i);
    keep_neurons(model, i, first(shape.ffn_width / 2));
    if (shape.kv_heads > 1) keep_head_groups(model, i, first(1));
  }
}

void without_sub_layers(Model& model) {
  drop_attention(model, 0);
  drop_ffn(model, 1);
}

void without_a_layer(Model& model) { model.drop_layer(0); }

void with_biases(Model& model) {
  for (const Slot slot : {Slot::kO, Slot::kDown}) model.add_bias(slot);
  for (const SlotPlace& place : model.layers()[0].places()) {
    if (place.slot != Slot::kO && place.slot != Slot::kDown) continue;
    model.layers()[0].dense(place).bias().copy_(at::randn({model.spec().width}));
  }
}

const std::vector<std::pair<const char*, std::function<void(Model&)>>> kChanges = {
    {"one_narrow", narrow_one_layer},
    {"all_narrow", narrow_all_layers},
    {"no_sub_layers", without_sub_layers},
    {"fewer_layers", without_a_layer},
    {"biases", with_biases}};

void write_changed(const std::string& name, const std::function<void(Model&)>& change,
                   const std::filesystem::path& folder) {
  Model model = load_golden(name);
  change(model);
  const at::Tensor tokens = read_golden(name).tokens;
  const Checkpoint original = Checkpoint::open(golden_folder() / name);
  const std::vector<ConfigKey> keys = written_keys(original);
  ensure_folder(folder);
  (void)write_model_folder(folder, original, plain_model(model, keys), {"fp32"}, [](auto, auto) {});
  const at::Tensor logits = model.logits(model.hidden(tokens));
  write_tensor_file(
      folder / "expected.safetensors",
      {{}, {{"tokens", tokens}, {"logits", logits.view({tokens.size(0), tokens.size(1), -1})}}});
}

void write_all(const std::filesystem::path& out) {
  for (const std::string& name : golden_cases()) {
    for (const auto& [change, apply] : kChanges) {
      const std::string folder = name + "-" + change;
      try {
        write_changed(name, apply, out / folder);
      } catch (const DoesNotApply& error) {
        std::error_code ignored;
        std::filesystem::remove_all(out / folder, ignored);
        std::printf("%s: refused: %s\n", folder.c_str(), error.what());
      }
    }
  }
}

}  // namespace
}  // namespace assay

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: changed_models OUT\n");
    return 2;
  }
  try {
    const c10::InferenceMode inference;
    assay::write_all(arguments[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "changed_models: %s\n", error.what());
    return 1;
  }
  return 0;
}
