#include "harness/suite/model_needs.h"

namespace assay {

std::vector<Requirement> needs_next_token() {
  return {{"causal", "==", true,
           "an encoder predicts no next token; take a suite of the kind classification or "
           "classify_throughput"},
          {"output", "==", "vocabulary"}};
}

std::vector<Requirement> needs_classifier() {
  return {{"output", "==", "classifier",
           "the model has no classifier; fine-tune one first, or take a model that has one"}};
}

std::vector<Requirement> needs_encoder() {
  return {{"causal", "==", false, "a decoder's passes over whole prompts are timed by 'prefill'"},
          {"output",
           "in",
           {"classifier", "none"},
           "a head over the vocabulary scores tokens, not sequences; take the model without it, or "
           "with a classifier"}};
}

}  // namespace assay
