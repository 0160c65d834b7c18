#pragma once
// The embeddings of a multiplexed encoder: groups of sequences go in, one sequence each comes out.

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "harness/model/embedding_input.h"
#include "harness/model/mixing_input.h"
#include "harness/mux/multiplexer.h"
#include "harness/mux/prefix.h"

namespace assay::mux {

struct MuxForm {
  std::int64_t pad_token = 0;
  /// Rows of a group, at least; 0: as long as the longest sequence of the batch. Published: 128.
  std::int64_t length = 0;
  /// The mixed rows get positions, token type and norm a second time, as released.
  bool places_twice = true;
  /// Each sequence is an instance of N groups, in another place of each, and its scores are their
  /// mean (Murahari et al. 2023, section 5): N times the work, so as much as without multiplexing.
  /// Copy j of sequence i is in group i + j (around the batch); there: permuted at random.
  bool ensemble = false;
  /// Stands in front of each instance, whose sequence grows by it.
  std::optional<PrefixTokens> prefix = {};
  std::int64_t positions = 0;  ///< that the embeddings know, for prefixes; 0: any number
};

/// Sequence b * N + i of a batch is instance i of group b. All of them are padded to one length,
/// and pads are seen: no mask reaches a multiplexed layer (as released). Token types are left out,
/// likewise. A batch that does not fill its last group is filled up with its own sequences from the
/// first on (released: drawn ones, so that scores of the last group change from run to run). In an
/// ensemble there is a group for each sequence. Throws DoesNotApply where a prefix leaves too few
/// positions for a sequence.
class MuxInput final : public MixingInput {
 public:
  MuxInput(EmbeddingInput embedding, std::unique_ptr<Multiplexer> multiplexer, const MuxForm& form)
      : embedding_(std::move(embedding)), multiplexer_(std::move(multiplexer)), form_(form) {}
  [[nodiscard]] at::Tensor forward(const at::Tensor& tokens, StepContext& step) const override;
  [[nodiscard]] Batch batch_of(std::int64_t sequences, std::int64_t longest) const override;
  [[nodiscard]] std::int64_t instances() const override {
    return form_.ensemble ? 1 : multiplexer_->instances();
  }
  [[nodiscard]] std::int64_t rows_read() const override { return form_.prefix ? prefixed() : 1; }
  /// How many tokens stand in front of each instance.
  [[nodiscard]] std::int64_t prefixed() const {
    return form_.prefix ? prefix_length(multiplexer_->instances()) : 0;
  }
  /// Throws DoesNotApply where a sequence of so many tokens has no room behind the prefix.
  void require_room(std::int64_t tokens) const;
  /// The padded tokens [groups, N, length] that forward() mixes, prefixes included: what a
  /// retrieval head is asked.
  [[nodiscard]] at::Tensor grouped_tokens(const PackedTokens& packed) const;
  void select_width(const at::Tensor& dimensions) override;
  void scale_width(const at::Tensor& factors) override;
  void visit_tensors(const VisitTensor& visit) override;
  [[nodiscard]] Cost cost() const override;
  [[nodiscard]] std::unique_ptr<Input> share() const override;
  [[nodiscard]] const Multiplexer& multiplexer() const { return *multiplexer_; }

  [[nodiscard]] const MuxForm& form() const { return form_; }
  [[nodiscard]] const EmbeddingInput& embedding() const { return embedding_; }

 private:
  /// Tokens int64 [groups, N, length], and which of them are no pads, as MixingPass has it.
  struct Groups {
    at::Tensor tokens, real;
  };
  [[nodiscard]] Groups groups_of(const at::Tensor& tokens, const StepContext& step) const;
  [[nodiscard]] at::Tensor grouped(const std::vector<at::Tensor>& sequences) const;
  /// tokens [groups, N, length] -> with what stands in front of them
  [[nodiscard]] at::Tensor with_prefix(const at::Tensor& tokens) const;
  [[nodiscard]] at::Tensor real_of(const std::vector<at::Tensor>& sequences) const;
  /// Which of `given` sequences is instance `place` of a group.
  [[nodiscard]] std::int64_t member(std::int64_t group, std::int64_t place,
                                    std::int64_t given) const;
  /// The batch fills its groups as it is.
  [[nodiscard]] bool fills(const StepContext& step) const;
  EmbeddingInput embedding_;
  std::unique_ptr<Multiplexer> multiplexer_;
  MuxForm form_;
};

}  // namespace assay::mux
