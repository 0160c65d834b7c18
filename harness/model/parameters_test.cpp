// The table of parameters against the files and the blocks that it lists.

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "harness/base/errors.h"
#include "harness/checkpoint/spec_json.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/model/stored_form.h"

namespace assay {
namespace {

/// Of a model that drops, a shared one drops too: its gradients are of the same training. A copy
/// does not.
TEST(Share, DropsAsItsOriginalDoes) {
  Model model = Model::load(encoder_folder() / "bert_classifier", {});
  const at::Tensor tokens = at::arange(12, at::kLong).view({2, 6});
  const auto same_twice = [&](const Model& of) {
    return at::equal(of.hidden(tokens), of.hidden(tokens));
  };
  model.use_dropout(true);
  EXPECT_FALSE(same_twice(model));
  EXPECT_FALSE(same_twice(model.share()));
  EXPECT_TRUE(same_twice(model.clone()));
  model.use_dropout(false);
  EXPECT_TRUE(same_twice(model.share()));
}

class Table : public testing::TestWithParam<std::string> {
 protected:
  Model model_ = load_golden(GetParam());
};

TEST_P(Table, HoldsEveryTensorOfTheFileOnce) {
  const Checkpoint checkpoint = Checkpoint::open(golden_folder() / GetParam());
  std::set<ParameterId> bound;
  for (const Binding& binding : checkpoint.bindings()) {
    for (const Slot slot : binding.slots) {
      bound.insert({binding.layer, slot, binding.bias, binding.expert});
    }
  }
  std::set<ParameterId> listed;
  for (const Parameter& parameter : model_.parameters()) {
    ASSERT_TRUE(parameter.id) << parameter.name;
    EXPECT_TRUE(listed.insert(*parameter.id).second) << parameter.name;
    EXPECT_EQ(parameter.name, parameter_name(*parameter.id));
    EXPECT_EQ(parameter.tensor.sizes().vec(), shape_of(model_.spec(), *parameter.id));
  }
  EXPECT_EQ(listed, bound);
  std::set<ParameterId> planned;
  for (const ParameterShape& one : parameter_shapes(model_.spec())) planned.insert(one.id);
  EXPECT_EQ(listed, planned);
}

// What load() read, written back by the same bindings, is the file.
TEST_P(Table, StoredFormIsTheFile) {
  const Checkpoint checkpoint = Checkpoint::open(golden_folder() / GetParam());
  std::map<ParameterId, at::Tensor> table;
  for (const Parameter& parameter : model_.parameters()) table[*parameter.id] = parameter.tensor;
  for (const Binding& binding : checkpoint.bindings()) {
    const at::Tensor found =
        stored_form(binding, model_.spec(), [&](const ParameterId& id) { return table.at(id); });
    const StoredTensor& stored = checkpoint.tensor(binding.tensor);
    EXPECT_EQ(found.sizes().vec(), stored.shape) << binding.tensor;
    auto* data = const_cast<std::byte*>(stored.bytes.data());
    const std::map<std::string, at::ScalarType> types = {
        {"F32", at::kFloat}, {"F16", at::kHalf}, {"BF16", at::kBFloat16}};
    const at::Tensor file =
        at::from_blob(data, stored.shape, at::TensorOptions(types.at(stored.dtype)));
    EXPECT_TRUE(at::equal(found, file.to(at::kFloat))) << binding.tensor;
  }
}

TEST_P(Table, ACloneIsEqualApartAndAsFused) {
  Model twin = model_.clone();
  EXPECT_EQ(twin.content_hash(), model_.content_hash());
  std::size_t storages = 0;
  std::set<const void*> seen;
  for (const Parameter& parameter : model_.parameters()) {
    storages += seen.insert(parameter.tensor.storage().data()).second ? 1 : 0;
  }
  std::set<const void*> copied;
  for (const Parameter& parameter : twin.parameters()) {
    copied.insert(parameter.tensor.storage().data());
    EXPECT_FALSE(seen.contains(parameter.tensor.storage().data())) << parameter.name;
  }
  EXPECT_EQ(copied.size(), storages);  // what was one piece of memory is one again
  twin.parameters().back().tensor.add_(1);
  EXPECT_NE(twin.content_hash(), model_.content_hash());
}

// A visitor that replaces every tensor: nothing still reads the old memory, fused or tied.
TEST_P(Table, ReplacedTensorsAreThoseThatPassesUse) {
  const at::Tensor tokens = read_golden(GetParam()).tokens;
  const at::Tensor before = model_.logits(model_.hidden(tokens));
  model_.visit_tensors([](const std::string&, at::Tensor& tensor) {
    const at::Tensor old = tensor;
    tensor = tensor.clone();
    old.zero_();
  });
  EXPECT_LE(relative_error(model_.logits(model_.hidden(tokens)), before), 1e-5);
  model_.fuse();
  EXPECT_LE(relative_error(model_.logits(model_.hidden(tokens)), before), 1e-5);
}

TEST_P(Table, ItsShapeSurvivesJson) {
  const Json document = to_json(model_.spec());
  EXPECT_EQ(to_json(model_spec_from_json(Json::parse(document.dump()))), document);
  Json damaged = document;
  damaged.erase("rope_theta");
  EXPECT_THROW((void)model_spec_from_json(damaged), UserError);
  damaged = document;
  damaged["surprise"] = 1;
  EXPECT_THROW((void)model_spec_from_json(damaged), UserError);
}

INSTANTIATE_TEST_SUITE_P(Cases, Table, testing::ValuesIn(golden_cases()),
                         [](const auto& test) { return test.param; });

TEST(ParameterNames, AreReadBack) {
  for (const char* model : {"llama_gqa", "qwen3_moe_mixed_tied"}) {
    for (const ParameterShape& one : parameter_shapes(load_golden(model).spec())) {
      EXPECT_EQ(parameter_from_name(parameter_name(one.id)), one.id);
    }
  }
  EXPECT_EQ(parameter_name({3, Slot::kUp, false, 5}), "layer.3.expert.5.up.weight");
  for (const char* other : {"layer.1.q", "layer.x.q.weight", "q.weight", "layer.0.embedding.weight",
                            "layer.-1.q.weight", "", ".weight", "layer.1.up.codes",
                            "expert.1.up.weight", "layer.1.expert.0.q.weight",
                            "layer.1.expert.x.up.weight", "layer.1.expert.0.router.weight"}) {
    EXPECT_FALSE(parameter_from_name(other)) << other;
  }
}

}  // namespace
}  // namespace assay
