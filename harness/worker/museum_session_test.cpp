// Failures that others had (docs/failure_catalogue.md), of methods that run in a worker.

#include <ATen/ops/abs.h>
#include <ATen/ops/zeros_like.h>
#include <gmock/gmock.h>

#include <utility>

#include "harness/method/chosen_blocks.h"
#include "harness/method/conformance.h"
#include "harness/method/masks.h"
#include "harness/method/sparsity.h"
#include "harness/model/dense_linear.h"
#include "harness/worker/session_fixture.h"

namespace assay {
namespace {

using testing::Contains;
using testing::HasSubstr;

/// The peer's loop forgot all layers but the last, and what it reported was of that one alone.
class LastLayerOnly final : public PruningMethod {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "last_layer_only";
    info.summary = "forgets all layers but the last";
    info.params = sparsity_params();
    info.params.push_back(blocks_param());
    return info;
  }
  [[nodiscard]] Artefact fit(const Model& model, FitContext& context,
                             const Params& params) const override {
    const SparsityTarget target = sparsity_target(params);
    PrunedWeights pruned(context);
    const std::int64_t last = model.layer_count() - 1;
    const Layer layer = model.layers()[static_cast<std::size_t>(last)].clone();
    for (const SlotPlace& place : layer.places()) {
      const DenseLinear& linear = layer.dense(place);
      const at::Tensor scores = at::abs(weight_for_fit(linear));
      pruned.prune(last, place, linear.weight(), keep_by_target(scores, target, Scope::kRow));
    }
    return pruned.finish();
  }
};

/// Everything that it answers is zero, fast.
class NoOutput final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "no_output";
    info.summary = "answers zero";
    return info;
  }
  [[nodiscard]] Artefact fit(const Model& model, FitContext&, const Params&) const override {
    Artefact artefact;
    const Parameter first = model.parameters().front();
    artefact.tensors[first.name] = at::zeros_like(first.tensor);
    return artefact;
  }
  void apply(Model& model, const Artefact&) const override {
    for (const Parameter& parameter : model.parameters()) parameter.tensor.zero_();
  }
};

class MuseumSession : public Session {
 protected:
  void fit(const std::string& method, const Json& params) {
    request_.op = "fit";
    request_.method = method;
    request_.params = params;
    request_.applied.clear();
    request_.artefact = folder_ / (method + ".safetensors");
    const WorkerReply fitted = run();
    ASSERT_EQ(named(fitted), "OK ") << fitted.outcome->text;
    request_.applied = {{method, request_.artefact}};
  }
  WorkerReply run_as(Stage stage) {
    request_.op = stage == Stage::kScore ? "score" : "time";
    script(stage, [](auto&) {});
    return run();
  }
};

TEST_F(MuseumSession, museum_05_achieved_sparsity) {
  methods_.add(std::make_unique<LastLayerOnly>());
  fit("magnitude", {{"sparsity", 0.5}});
  EXPECT_FALSE(remark_of(run_as(Stage::kScore), "model_sparsity"));
  fit("magnitude", {{"sparsity", 0.5}, {"blocks", "ffn"}});
  EXPECT_FALSE(remark_of(run_as(Stage::kScore), "model_sparsity")) << "as it was asked";
  fit("magnitude", {{"pattern", "2:4"}});
  EXPECT_FALSE(remark_of(run_as(Stage::kScore), "model_sparsity"));
  fit("last_layer_only", {{"sparsity", 0.5}});
  for (const Stage stage : {Stage::kScore, Stage::kTime}) {
    const auto said = remark_of(run_as(stage), "model_sparsity");
    ASSERT_TRUE(said);
    EXPECT_THAT(*said, AllOf(HasSubstr("asked for 50.0 % zeros in every matrix; "),
                             HasSubstr("have another share: layer.0."), HasSubstr(" 0.0 %")));
  }
  const auto report =
      check_conformance(LastLayerOnly(), {{}, {{{"sparsity", 0.5}}}}, request_.model_folder);
  EXPECT_THAT(report.problems, Contains(HasSubstr("zeros in every matrix")));
}

TEST_F(MuseumSession, museum_07_zero_output) {
  methods_.add(std::make_unique<NoOutput>());
  fit("no_output", Json::object());
  for (const Stage stage : {Stage::kScore, Stage::kTime}) {
    const WorkerReply reply = run_as(stage);
    EXPECT_EQ(named(reply), "INVALID incorrect");
    EXPECT_THAT(reply.outcome->text, HasSubstr("computes nothing: every output is 0"));
  }
  fit("magnitude", {{"sparsity", 0.5}});
  EXPECT_EQ(named(run_as(Stage::kScore)), "OK ");
}

}  // namespace
}  // namespace assay
