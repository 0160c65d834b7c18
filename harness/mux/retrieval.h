#pragma once
// The self-supervised task that a multiplexed encoder is warmed up with: say which token an
// instance had at a position (Murahari et al. 2022, arXiv:2202.09318, section 3.3).

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "harness/model/norm.h"
#include "harness/mux/demultiplexer.h"

namespace assay::mux {

/// What the head has beside the demultiplexer and the table of tokens: the norms that
/// Demultiplexer::retrieved() asks for, and a bias for each token.
struct RetrievalTensors {
  std::vector<NormBlock> norms;
  at::Tensor bias;  ///< [vocab]
  /// A demultiplexer of the head's own, where it does not share the model's; or null.
  std::shared_ptr<Demultiplexer> own = nullptr;
};
RetrievalTensors start_retrieval(std::int64_t norms, std::int64_t width, std::int64_t vocab,
                                 double norm_eps);
void visit_tensors(RetrievalTensors& tensors, const VisitTensor& visit);

/// rows [n, ...] as Demultiplexer::read_at() gives them, which int64 [n] -> scores [n, vocab]:
/// table a + bias, a being what the demultiplexer retrieved.
at::Tensor retrieval_scores(const Demultiplexer& demultiplexer, const RetrievalTensors& tensors,
                            const at::Tensor& table, const at::Tensor& rows,
                            const at::Tensor& which);

/// A question about each of some positions.
struct RetrievalQuestions {
  at::Tensor rows;     ///< int64 [n], of the [groups * length] that ran through the layers
  at::Tensor which;    ///< int64 [n]: the instance
  at::Tensor targets;  ///< int64 [n]: its token there
};
/// For each position an instance, drawn; of these a drawn share, without pads and without the first
/// `skipped` positions. `tokens`: [groups, N, length]. Draws from LibTorch's global generator of
/// the CPU.
RetrievalQuestions draw_questions(const at::Tensor& tokens, std::int64_t pad_token, double share,
                                  std::int64_t skipped = 0);

}  // namespace assay::mux
