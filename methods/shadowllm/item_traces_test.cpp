// Traces of prompts with answers: which token predictors read, and whose likelihood criteria look
// at, each against a loop over the answer's tokens.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <torch/csrc/autograd/autograd.h>

#include <optional>
#include <utility>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/errors.h"
#include "harness/contextual/evidence.h"
#include "harness/contextual/routed_fixture.h"
#include "harness/data/answered_items.h"
#include "methods/shadowllm/traces.h"

namespace assay {
void register_shadowllm(MethodRegistry& registry);

namespace shadowllm {
namespace {

constexpr std::int64_t kHeads = 4, kHeadDim = 8, kWidth = 32;

const Method& method() { return sole_method(register_shadowllm); }

Params params_of(const Json& given) { return {method().info().params, given}; }

class ItemTraces : public testing::TestWithParam<TinyFamily> {
 protected:
  ItemTraces() {
    write_tiny_model(place_.scratch() / "model", GetParam(), 8);
    model_.emplace(Model::load(place_.scratch() / "model", LoadOptions{}));
    for (const auto& [tokens, answer] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{9, 3}, {4, 1}, {14, 5}}) {
      AnsweredItem item{.tokens = {}, .answer_from = tokens - answer};
      for (std::int64_t t = 0; t < tokens; ++t) {
        item.tokens.push_back((7 * t * t + 13 * tokens + 5) % kTinyVocab);
      }
      items_.items.push_back(std::move(item));
    }
  }
  Artefact traced(const Json& given) {
    RecordingContext context({}, 0, {});
    context.answered = &items_;
    return trace(*model_, context, params_of(given));
  }

  const at::NoGradGuard as_in_the_worker_;
  RecordingContext place_{{}, 0, {}};
  std::optional<Model> model_;
  AnsweredItems items_;
};

at::Tensor tokens_of(const AnsweredItem& item) { return at::tensor(item.tokens, at::kLong); }

/// -log p of each token of the answer, behind a pass over what stands before it alone; their mean.
at::Tensor naive_loss(const Model& model, const AnsweredItem& item) {
  const at::Tensor tokens = tokens_of(item);
  at::Tensor sum = at::zeros({});
  for (std::int64_t t = item.answer_from; t < tokens.size(0); ++t) {
    const at::Tensor before = tokens.narrow(0, 0, t).unsqueeze(0);
    const at::Tensor logits = model.logits(model.hidden(before)).select(0, -1);
    sum = sum.sub(at::log_softmax(logits, 0)[item.tokens[static_cast<std::size_t>(t)]]);
  }
  return sum.div(tokens.size(0) - item.answer_from);
}

/// sum over j of |dL/dW1[n, j] * W1[n, j]| of each neuron of all layers.
at::Tensor naive_plainact(const Model& dense, const AnsweredItem& item) {
  const at::AutoGradMode with_gradients(true);
  Model model = dense.clone();
  std::vector<at::Tensor> weights;
  for (Layer& layer : model.layers()) {
    for (const Slot slot : {Slot::kGate, Slot::kUp}) {
      if (layer.find(slot) == nullptr) continue;
      weights.push_back(layer.dense(slot).weight().requires_grad_(true));
    }
  }
  const auto gradients = torch::autograd::grad({naive_loss(model, item)}, weights);
  const auto per_layer = weights.size() / model.layers().size();
  std::vector<at::Tensor> scores;
  for (std::size_t i = 0; i < weights.size(); i += per_layer) {
    at::Tensor sum = at::zeros({weights[i].size(0)});
    for (std::size_t k = i; k < i + per_layer; ++k) {
      sum = sum.add(weights[k].detach().mul(gradients[k]).abs().sum(1));
    }
    scores.push_back(sum);
  }
  return at::cat(scores);
}

TEST_P(ItemTraces, CriteriaOfNeuronsLookAtTheAnswersLikelihood) {
  const Artefact traces = traced({{"criterion", "plainact"}});
  ASSERT_EQ(traces.tensors.at("neurons").size(0), 3);
  for (std::int64_t i = 0; i < 3; ++i) {
    const AnsweredItem& item = items_.items[static_cast<std::size_t>(i)];
    const at::Tensor expected = naive_plainact(*model_, item);
    EXPECT_LT(apart(traces.tensors.at("neurons")[i], expected), 1e-4) << i;
    AnsweredItem all = item;
    all.answer_from = 1;
    EXPECT_GT(apart(naive_plainact(*model_, all), expected), 1e-2) << "prompts do not matter";
  }
}

/// plainact of the heads, from the gradients of one answer token after the other.
at::Tensor naive_heads(const Model& model, const AnsweredItem& item) {
  const EvidenceSource source(model);
  const at::Tensor tokens = tokens_of(item);
  const auto answer = static_cast<double>(tokens.size(0) - item.answer_from);
  std::vector<at::Tensor> contexts, gradients;
  for (std::int64_t t = item.answer_from; t < tokens.size(0); ++t) {
    const at::Tensor only = at::zeros({tokens.size(0)}, at::kBool);
    only[t] = true;
    const auto evidence = source.collect(tokens, only, EvidenceKind::kGradient);
    for (std::size_t l = 0; l < evidence.layers.size(); ++l) {
      const at::Tensor part = evidence.layers[l].context_gradient.div(answer);
      if (t == item.answer_from) {
        contexts.push_back(evidence.layers[l].context);
        gradients.push_back(part);
      } else {
        gradients[l] = gradients[l].add(part);
      }
    }
  }
  std::vector<at::Tensor> scores;
  for (std::size_t l = 0; l < contexts.size(); ++l) {
    const at::Tensor products = contexts[l].mul(gradients[l]).view({-1, kHeads, kHeadDim});
    scores.push_back(products.sum(2).abs().sum(0));
  }
  return at::cat(scores);
}

TEST_P(ItemTraces, CriteriaOfHeadsLookAtTheAnswersLikelihood) {
  const Artefact traces = traced({{"criterion", "plainact"}});
  for (std::int64_t i = 0; i < 3; ++i) {
    const at::Tensor expected = naive_heads(*model_, items_.items[static_cast<std::size_t>(i)]);
    EXPECT_LT(apart(traces.tensors.at("heads")[i], expected), 1e-4) << i;
  }
}

/// What the first layer's heads give the last of these tokens.
at::Tensor last_context(const Model& model, const at::Tensor& tokens) {
  class FirstContext final : public ActivationRecorder {
   public:
    void record(std::int64_t layer, Tap tap, const at::Tensor& rows, const StepContext&) override {
      if (layer == 0 && tap == Tap::kOutInput) seen = rows.clone();
    }
    at::Tensor seen;
  } recorder;
  (void)model.hidden(tokens.unsqueeze(0), &recorder);
  return recorder.seen.select(0, -1);
}

TEST_P(ItemTraces, PredictorsReadTheAnswersLastTokenOrThePromptsLast) {
  const Artefact at_end = traced({}), at_prompt = traced({{"trace_at", "prompt_end"}});
  for (std::int64_t i = 0; i < 3; ++i) {
    const AnsweredItem& item = items_.items[static_cast<std::size_t>(i)];
    const at::Tensor tokens = tokens_of(item), prompt = tokens.narrow(0, 0, item.answer_from);
    const auto first = [&](const Artefact& traces) {
      return traces.tensors.at("contexts")[i].narrow(0, 0, kWidth);
    };
    EXPECT_LT(apart(first(at_end), last_context(*model_, tokens)), 1e-5) << i;
    EXPECT_LT(apart(first(at_prompt), last_context(*model_, prompt)), 1e-5) << i;
  }
  EXPECT_TRUE(at_end.tensors.at("heads").equal(at_prompt.tensors.at("heads")));
}

TEST_P(ItemTraces, ATextHasNoPrompts) {
  RecordingContext context(tokens_of(items_.items[0]).unsqueeze(0), 0, {});
  EXPECT_THAT(
      [&] {
        (void)trace(*model_, context, params_of({{"trace_at", "prompt_end"}}));
      },
      testing::ThrowsMessage<DoesNotApply>(testing::HasSubstr("name a data set of kind items")));
}

TEST_P(ItemTraces, AnInterruptedOneGoesOnWithTheSameBits) {
  const Artefact expected = traced({});
  RecordingContext parts({}, 0, {});
  parts.answered = &items_;
  parts.interrupt_at = 1;
  EXPECT_THROW((void)trace(*model_, parts, params_of({})), Interrupted);
  parts.steps.clear();
  parts.interrupt_at = -1;
  const Artefact found = trace(*model_, parts, params_of({}));
  EXPECT_EQ(parts.steps.size(), 1U) << "two of three were there";
  for (const auto& [name, tensor] : expected.tensors) {
    EXPECT_TRUE(found.tensors.at(name).equal(tensor)) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ItemTraces,
                         testing::Values(TinyFamily::kLlama, TinyFamily::kOpt));

}  // namespace
}  // namespace shadowllm
}  // namespace assay
