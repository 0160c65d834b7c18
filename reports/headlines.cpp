#include "reports/headlines.h"

namespace assay {

const std::vector<Headline>& headlines() {
  static const std::vector<Headline> kHeadlines = {
      {.tag = "token_ppl", .title = "perplexity"},
      {.tag = "word_ppl", .title = "word perplexity"},
      {.tag = "kl", .title = "KL to dense", .ratio = false},
      {.tag = "top1_agreement", .title = "top-1 as dense", .ratio = false},
      {.tag = "ppl_ratio", .title = "perplexity ratio", .ratio = false},
      {.tag = "acc", .title = "acc"},
      {.tag = "acc_norm", .title = "acc_norm"},
      {.tag = "f1", .title = "F1"},
      {.tag = "macro_f1", .title = "macro F1"},
      {.tag = "matthews", .title = "Matthews", .ratio = false},
      {.tag = "classify/items_per_s", .title = ""},
      {.tag = "prefill/tokens_per_s", .title = ""},
      {.tag = "decode/tokens_per_s", .title = ""},
      {.tag = "decode/first_token_latency", .title = "first token"},
      {.tag = "decode/token_latency", .title = "per token"},
      {.tag = "ffn_decode/latency", .title = "per token"},
      {.tag = "kernel/latency", .title = "per call"},
      {.tag = "kernel/instructions", .title = "instructions"},
      {.tag = "peak_rss", .title = "peak memory"},
      {.tag = "model/resident_bytes", .title = "weights", .of_artefact = true},
      {.tag = "achieved_sparsity", .title = "zeros", .ratio = false, .of_artefact = true},
      {.tag = "fit/seconds", .title = "fit", .ratio = false, .of_artefact = true},
  };
  return kHeadlines;
}

}  // namespace assay
