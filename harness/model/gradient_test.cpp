// Losses and gradients of every family against transformers (scripts/golden/gradient_parity.py).

#include <ATen/ops/cat.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/model/stored_form.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

fs::path gradient_folder() { return source_dir() / "tests" / "data" / "gradients"; }

std::vector<std::string> gradient_cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(gradient_folder())) {
    if (entry.path().extension() == ".safetensors") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

at::Tensor next_token_loss(const Model& model, const at::Tensor& tokens) {
  const std::int64_t batch = tokens.size(0), length = tokens.size(1);
  const at::Tensor rows = model.hidden(tokens).view({batch, length, -1}).narrow(1, 0, length - 1);
  return model
      .log_likelihood(rows.reshape({batch * (length - 1), -1}),
                      tokens.narrow(1, 1, length - 1).reshape(-1))
      .mean()
      .neg();
}

at::Tensor class_loss(const Model& model, const GoldenTensors& golden) {
  const PackedTokens packed = packed_batch(golden);
  const at::Tensor rows = model.hidden_packed(packed);
  std::vector<std::int64_t> first;
  for (const Segment& segment : packed.segments) first.push_back(segment.offset);
  return model
      .log_likelihood(rows.index_select(0, at::tensor(first, at::kLong)), golden.at("labels"))
      .mean()
      .neg();
}

/// The softmax does not see a bias of the keys, so that its gradient is zero: what either side
/// finds is less than the last place of the model's `largest` gradient, and differs by processor.
bool is_rounding_alone(const at::Tensor& gradient, double largest) {
  return gradient.abs().max().item<double>() <
         static_cast<double>(std::numeric_limits<float>::epsilon()) * largest;
}

class Gradients : public testing::TestWithParam<std::string> {
 protected:
  Gradients()
      : golden_(read_tensors(gradient_folder() / (GetParam() + ".safetensors"))),
        folder_((golden_.contains("labels") ? encoder_folder() : golden_folder()) / GetParam()),
        checkpoint_(Checkpoint::open(folder_)) {}
  /// Gradients by parameter, out of one backward pass.
  void differentiate(Model& model) {
    for (const Parameter& parameter : model.parameters()) parameter.tensor.requires_grad_(true);
    const at::Tensor loss = golden_.contains("labels")
                                ? class_loss(model, golden_)
                                : next_token_loss(model, golden_.at("tokens"));
    loss_ = loss.item<double>();
    loss.backward();
  }
  GoldenTensors golden_;
  fs::path folder_;
  Checkpoint checkpoint_;
  double loss_ = 0;
};

TEST_P(Gradients, LossAndEveryParameterEqualTransformers) {
  Model model = Model::load(folder_, {});
  differentiate(model);
  EXPECT_NEAR(loss_, golden_.at("loss").item<double>(), 1e-5);
  double largest = 0;
  for (const auto& [name, tensor] : golden_) {
    if (tensor.is_floating_point()) largest = std::max(largest, tensor.abs().max().item<double>());
  }
  std::set<std::string> left;
  for (const auto& [name, tensor] : golden_) left.insert(name);
  for (const char* input : {"tokens", "mask", "token_types", "labels", "loss"}) left.erase(input);
  double worst = 0;
  for (const Binding& binding : checkpoint_.bindings()) {
    const at::Tensor& expected = golden_.at(binding.tensor);
    const at::Tensor found = stored_form(binding, model.spec(), [&](const ParameterId& id) {
      const at::Tensor parameter = model.parameter(id);
      // No token took this expert.
      const bool idle = id.expert >= 0 && !parameter.grad().defined();
      return idle ? at::zeros_like(parameter) : parameter.grad();
    });
    if (is_rounding_alone(expected, largest)) {
      EXPECT_TRUE(is_rounding_alone(found, largest)) << binding.tensor;
      left.erase(binding.tensor);
      continue;
    }
    const double scale = std::max(expected.abs().max().item<double>(), 1e-4 * largest);
    const double error = found.sub(expected).abs().max().item<double>() / scale;
    worst = std::max(worst, error);
    EXPECT_LE(error, 1e-4) << binding.tensor;
    left.erase(binding.tensor);
  }
  EXPECT_TRUE(left.empty()) << *left.begin() << " was not compared";
  std::printf("gradients %-22s %.1e\n", GetParam().c_str(), worst);
}

// Fused for inference or not, with kernels of our own or ATen's: one function.
TEST_P(Gradients, DifferentiatedPassEqualsTheOther) {
  Model model = Model::load(folder_, {});
  if (golden_.contains("labels")) {
    const double plain = class_loss(model, golden_).item<double>();
    differentiate(model);
    EXPECT_NEAR(plain, loss_, 1e-5);
    return;
  }
  const double plain = next_token_loss(model, golden_.at("tokens")).item<double>();
  differentiate(model);
  EXPECT_NEAR(plain, loss_, 1e-5);
}

std::vector<std::string> supported_cases() {
  std::vector<std::string> names = gradient_cases();
  std::erase(names, "bert_mlm");  // a head that this harness does not run
  return names;
}

INSTANTIATE_TEST_SUITE_P(Cases, Gradients, testing::ValuesIn(supported_cases()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace assay
