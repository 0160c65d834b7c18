#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/method/recording_context.h"
#include "harness/method/tensor_file.h"
#include "harness/method/tiny_model.h"
#include "methods/external/command.h"
#include "methods/external/transplant.h"

namespace assay {
void register_external(MethodRegistry& registry);
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class External : public ::testing::Test {
 protected:
  External()
      : dense_(place_.scratch() / "dense"),
        changed_(place_.scratch() / "changed"),
        context_({}, 9, dense_) {
    register_external(registry_);
    write_tiny_model(dense_, TinyFamily::kOpt, 1);
    write_tiny_model(changed_, TinyFamily::kOpt, 1);
  }
  /// Changes one tensor of the folder that the command will hand over.
  template <typename Change>
  void change(const std::string& name, const Change& how) const {
    TensorFile file = read_tensor_file(changed_ / "model.safetensors");
    how(file.tensors.at(name));
    write_tensor_file(changed_ / "model.safetensors", file);
  }
  [[nodiscard]] Params params(const std::vector<std::string>& command) const {
    return {registry_.get("external").info().params, {{"command", command}}};
  }
  Artefact fit() {
    return registry_.get("external")
        .fit(Model::load(dense_, LoadOptions{}), context_,
             params({"sh", "-c", "test -d {model} && cp -r " + changed_.string() + " {out}"}));
  }
  static at::Tensor logits(const Model& model) {
    const at::Tensor tokens = at::arange(12, at::kLong).view({2, 6});
    return model.logits(model.hidden(tokens));
  }
  void expect_takes_over(const Artefact& artefact) const {
    Model model = Model::load(dense_, LoadOptions{});
    registry_.get("external").apply(model, artefact);
    EXPECT_TRUE(at::equal(logits(model), logits(Model::load(changed_, LoadOptions{}))));
  }

  const c10::InferenceMode inference_;
  RecordingContext place_{{}, 0, {}};
  fs::path dense_, changed_;
  RecordingContext context_;
  MethodRegistry registry_;
};

const std::string kFc1 = "model.decoder.layers.1.fc1.weight";

TEST_F(External, ZeroedWeightsBecomeAMask) {
  change(kFc1, [](at::Tensor& w) { w.narrow(0, 0, 16).zero_(); });
  const Artefact artefact = fit();
  ASSERT_EQ(artefact.tensors.size(), 1u);
  EXPECT_EQ(artefact.tensors.begin()->first, "layer.1.up.keep");
  EXPECT_EQ(context_.metrics.at("achieved_sparsity/layer.1.up"), 0.25);
  EXPECT_EQ(context_.metrics.at("achieved_sparsity/layer.0.up"), 0);
  expect_takes_over(artefact);
}

TEST_F(External, ChangedWeightsBiasesAndNormsAreTakenOver) {
  change(kFc1, [](at::Tensor& w) { w.mul_(1.5); });
  change("model.decoder.layers.0.self_attn.k_proj.bias", [](at::Tensor& b) { b.add_(1); });
  change("model.decoder.layers.2.final_layer_norm.weight", [](at::Tensor& w) { w.mul_(2); });
  const Artefact artefact = fit();
  EXPECT_EQ(artefact.tensors.size(), 3u);
  EXPECT_TRUE(artefact.tensors.contains("layer.1.up.weight"));
  expect_takes_over(artefact);
}

TEST_F(External, ChangesOutsideTheLayersAreTakenOver) {
  change("model.decoder.final_layer_norm.bias", [](at::Tensor& b) { b.add_(1); });
  change("model.decoder.embed_tokens.weight", [](at::Tensor& w) { w[95][3].add_(1); });
  const Artefact artefact = fit();
  EXPECT_EQ(artefact.tensors.size(), 2u);
  EXPECT_TRUE(artefact.tensors.contains("embedding.weight"));
  expect_takes_over(artefact);
}

// A narrower and shallower model, and even one of another family.
TEST_F(External, AnotherShapeIsTakenOver) {
  Json config = read_json_file(changed_ / "config.json");
  config["ffn_dim"] = 48;
  config["num_hidden_layers"] = 2;
  write_file_atomically(changed_ / "config.json", config.dump());
  for (const char* layer : {"0", "1"}) {
    const std::string path = std::string("model.decoder.layers.") + layer;
    const auto cut = [](int dimension) {
      return [dimension](at::Tensor& t) { t = t.narrow(dimension, 0, 48).contiguous(); };
    };
    change(path + ".fc1.weight", cut(0));
    change(path + ".fc1.bias", cut(0));
    change(path + ".fc2.weight", cut(1));
  }
  const Artefact artefact = fit();
  expect_takes_over(artefact);
  Model model = Model::load(dense_, LoadOptions{});
  registry_.get("external").apply(model, artefact);
  EXPECT_EQ(model.layer_count(), 2);
  EXPECT_EQ(model.spec().layer(1).ffn_width, 48);
  EXPECT_LT(model.cost().params, Model::load(dense_, LoadOptions{}).cost().params);
}

TEST_F(External, AnotherFamilyIsTakenOver) {
  fs::remove_all(changed_);
  write_tiny_model(changed_, TinyFamily::kLlama, 1);
  expect_takes_over(fit());
}

TEST_F(External, AnotherVocabularyIsRefused) {
  Json config = read_json_file(changed_ / "config.json");
  config["vocab_size"] = 64;
  write_file_atomically(changed_ / "config.json", config.dump());
  change("model.decoder.embed_tokens.weight",
         [](at::Tensor& w) { w = w.narrow(0, 0, 64).contiguous(); });
  EXPECT_THAT([&] { fit(); }, ThrowsMessage<DoesNotApply>(HasSubstr("from 96 to 64 tokens")));
}

TEST_F(External, AFailingCommandShowsItsExitCodeAndStandardError) {
  const auto run = [&](const std::vector<std::string>& command) {
    run_compression_command(command, Json::object(), context_);
  };
  EXPECT_THAT(
      [&] {
        run({"sh", "-c", "echo no such layer >&2; exit 7", "{model}", "{out}"});
      },
      ThrowsMessage<CommandFailed>(AllOf(HasSubstr("exit code 7"), HasSubstr("no such layer"))));
  EXPECT_THAT(
      [&] {
        run({"sh", "-c", "kill -9 $$"});
      },
      ThrowsMessage<CommandFailed>(HasSubstr("signal 9")));
  EXPECT_THAT([&] { run({"true"}); }, ThrowsMessage<CommandFailed>(HasSubstr("wrote no folder")));
  EXPECT_THAT([&] { run({"no-such-program-here"}); },
              ThrowsMessage<MachineError>(HasSubstr("not in PATH")));
  EXPECT_THAT([&] { run({"/no/such/program"}); },
              ThrowsMessage<MachineError>(HasSubstr("cannot start")));
  EXPECT_THAT([&] { run({"./mine"}); }, ThrowsMessage<UserError>(HasSubstr("whole path")));
}

TEST_F(External, WhatCannotBeReadIsTheCommandsFailure) {
  fs::resize_file(changed_ / "model.safetensors", 100);
  EXPECT_THAT([&] { fit(); }, ThrowsMessage<CommandFailed>(HasSubstr("wrote no usable model")));
  fs::remove_all(context_.scratch() / "compressed");
  fs::remove(changed_ / "config.json");
  EXPECT_THAT([&] { fit(); }, ThrowsMessage<CommandFailed>(HasSubstr("wrote no usable model")));
}

TEST_F(External, PlaceholdersAndParametersReachTheProgram) {
  const fs::path out = run_compression_command(
      {"sh", "-c", "mkdir {out} && cp {params} {out}/p.json && ls {model} > {out}/list"},
      {{"level", 3}}, context_);
  EXPECT_EQ(read_json_file(out / "p.json"), (Json{{"level", 3}, {"seed", 9}}));
  EXPECT_THAT(read_text_file(out / "list"), HasSubstr("config.json"));
}

TEST_F(External, ACancelEndsTheProgram) {
  context_.interrupt_at = 0;
  EXPECT_THROW(run_compression_command({"sleep", "60"}, Json::object(), context_), Interrupted);
}

TEST_F(External, SaysWhatTheCommandLacks) {
  const Method& method = registry_.get("external");
  const Model model = Model::load(dense_, LoadOptions{});
  const auto fit_with = [&](const Json& given) {
    (void)method.fit(model, context_, Params(method.info().params, given));
  };
  EXPECT_THAT(
      [&] {
        fit_with({{"command", {"cp", "{model}", "x"}}});
      },
      ThrowsMessage<UserError>(HasSubstr("never mentions {out}")));
  EXPECT_THAT(
      [&] {
        fit_with({{"command", Json::array()}});
      },
      ThrowsMessage<UserError>(HasSubstr("command is empty")));
  EXPECT_THAT(
      [&] {
        fit_with({{"command", {"cp", "{model}", "{out}"}}, {"settings", "[1]"}});
      },
      ThrowsMessage<UserError>(HasSubstr("not a JSON object")));
}

}  // namespace
}  // namespace assay
