#include "harness/contextual/static_scores.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

constexpr double kSmall = 1e-5;  ///< k above
constexpr std::int64_t kJacovRows = 200;
constexpr std::size_t kLeastOfToken = 5;  ///< "more than 4"

[[noreturn]] void has_none(const Criterion& criterion, const char* what) {
  throw std::logic_error(
      fmt::format("there are no scores of {} by criterion '{}'", what, criterion.name));
}

/// Pearson correlations between rows [n, d], f64 [n, n]; NaN where a row is constant.
at::Tensor correlations(const at::Tensor& rows) {
  const at::Tensor centred = rows.sub(rows.mean(1, true));
  const at::Tensor products = centred.matmul(centred.t());
  const at::Tensor size = products.diagonal().sqrt();
  return products.div(size.unsqueeze(1)).div(size.unsqueeze(0)).clamp(-1, 1);
}

void require_finite(double score, const Criterion& criterion, std::size_t layer) {
  if (std::isfinite(score)) return;
  throw NonFiniteValue("criterion",
                       fmt::format("criterion '{}' gives a score that is not finite to one of the "
                                   "heads of layer {}; choose another criterion",
                                   criterion.name, layer));
}

class SummedScores final : public StaticScores {
 public:
  explicit SummedScores(const Criterion& criterion) : criterion_(criterion) {}

  void add(const SequenceEvidence& evidence) override {
    for (std::size_t i = 0; i < evidence.layers.size(); ++i) {
      if (criterion_.of_heads) add_to(heads_, i, head_scores(criterion_, evidence.layers[i]));
      if (criterion_.of_neurons) add_to(neurons_, i, neuron_scores(criterion_, evidence.layers[i]));
    }
  }
  [[nodiscard]] LayerScores heads() const override { return summed(heads_, "heads"); }
  [[nodiscard]] LayerScores neurons() const override { return summed(neurons_, "neurons"); }

 private:
  static void add_to(LayerScores& sums, std::size_t layer, const at::Tensor& scores) {
    if (sums.size() <= layer) {
      sums.push_back(scores.clone());
    } else {
      sums[layer].add_(scores);
    }
  }
  [[nodiscard]] LayerScores summed(const LayerScores& sums, const char* what) const {
    if (sums.empty()) has_none(criterion_, what);
    return sums;
  }
  const Criterion& criterion_;
  LayerScores heads_, neurons_;
};

/// What scores of heads by rows of dL/da have in common.
class RowScores : public StaticScores {
 public:
  explicit RowScores(const Criterion& criterion) : criterion_(criterion) {}

  void add(const SequenceEvidence& evidence) override {
    if (heads_.empty()) {
      for (const LayerEvidence& layer : evidence.layers) heads_.push_back(layer.heads);
      begin(heads_);
    }
    for (std::size_t i = 0; i < evidence.layers.size(); ++i) {
      const LayerEvidence& layer = evidence.layers[i];
      if (layer.heads == 0) continue;
      if (!layer.context_gradient.defined()) {
        throw std::logic_error(fmt::format("criterion '{}' needs gradients", criterion_.name));
      }
      const at::Tensor rows = layer.context_gradient.to(at::kCPU, at::kFloat);
      add_rows(i, rows.view({rows.size(0), layer.heads, -1}), evidence);
    }
  }
  [[nodiscard]] LayerScores heads() const override {
    if (heads_.empty()) has_none(criterion_, "heads");
    LayerScores scores;
    for (std::size_t layer = 0; layer < heads_.size(); ++layer) {
      at::Tensor one = at::empty({heads_[layer]}, at::kDouble);
      for (std::int64_t head = 0; head < heads_[layer]; ++head) {
        const double score = score_of(layer, head);
        require_finite(score, criterion_, layer);
        one[head] = score;
      }
      scores.push_back(one);
    }
    return scores;
  }
  [[nodiscard]] LayerScores neurons() const override { has_none(criterion_, "neurons"); }

 protected:
  /// Once, before any rows.
  virtual void begin(const std::vector<std::int64_t>& heads) = 0;
  /// dL/da, f32 [tokens, heads, head_dim].
  virtual void add_rows(std::size_t layer, const at::Tensor& rows,
                        const SequenceEvidence& evidence) = 0;
  [[nodiscard]] virtual double score_of(std::size_t layer, std::int64_t head) const = 0;

 private:
  const Criterion& criterion_;
  std::vector<std::int64_t> heads_;  ///< of each layer
};

class JacovScores final : public RowScores {
 public:
  using RowScores::RowScores;

 protected:
  void begin(const std::vector<std::int64_t>& heads) override {
    for (const std::int64_t count : heads) rows_.emplace_back(static_cast<std::size_t>(count));
  }
  void add_rows(std::size_t layer, const at::Tensor& rows, const SequenceEvidence&) override {
    for (std::size_t head = 0; head < rows_[layer].size(); ++head) {
      const at::Tensor own = rows.select(1, static_cast<std::int64_t>(head));
      const at::Tensor counted = own.index({own.sum(1).ne(0)});
      at::Tensor& held = rows_[layer][head];
      const std::int64_t wanted = kJacovRows - (held.defined() ? held.size(0) : 0);
      const at::Tensor first = counted.narrow(0, 0, std::min(wanted, counted.size(0)));
      held = held.defined() ? at::cat({held, first}) : first.clone();
    }
  }
  [[nodiscard]] double score_of(std::size_t layer, std::int64_t head) const override {
    const at::Tensor& rows = rows_[layer][static_cast<std::size_t>(head)];
    const at::Tensor matrix = correlations(rows.to(at::kDouble));
    if (!matrix.isfinite().all().item<bool>()) return std::nan("");
    const at::Tensor v = at::linalg_eigvalsh(matrix).abs().add(kSmall);
    return -v.log().add(v.reciprocal()).sum().item<double>();
  }

 private:
  std::vector<std::vector<at::Tensor>> rows_;  ///< [layer][head], f32 [<= 200, head_dim]
};

class EpenasScores final : public RowScores {
 public:
  using RowScores::RowScores;

 protected:
  void begin(const std::vector<std::int64_t>& heads) override { rows_.resize(heads.size()); }

  void add_rows(std::size_t layer, const at::Tensor& rows,
                const SequenceEvidence& evidence) override {
    const at::Tensor places = evidence.scored.nonzero().squeeze(1);
    const at::Tensor tokens = evidence.tokens.index_select(0, places).contiguous();
    const at::Tensor own = rows.index_select(0, places.sub(1));
    const auto* token = tokens.const_data_ptr<std::int64_t>();
    for (std::int64_t i = 0; i < tokens.size(0); ++i) rows_[layer][token[i]].push_back(own[i]);
  }
  [[nodiscard]] double score_of(std::size_t layer, std::int64_t head) const override {
    std::vector<double> sums;
    for (const auto& [token, rows] : rows_[layer]) {
      if (rows.size() < kLeastOfToken) continue;
      const double sum = log_correlation(rows, head);
      if (!std::isnan(sum)) sums.push_back(sum);
    }
    double score = 0;
    for (const double one : sums) {
      for (const double other : sums) score += std::abs(one - other);
    }
    return score;
  }

 private:
  static double log_correlation(const std::vector<at::Tensor>& rows, std::int64_t head) {
    std::vector<at::Tensor> own;
    own.reserve(rows.size());
    for (const at::Tensor& row : rows) own.push_back(row[head].to(at::kDouble).unsqueeze(0));
    return correlations(at::cat(own)).abs().add(kSmall).log().sum().item<double>();
  }
  std::vector<std::map<std::int64_t, std::vector<at::Tensor>>> rows_;  ///< [layer], by token
};

}  // namespace

std::unique_ptr<StaticScores> static_scores(const Criterion& criterion) {
  if (criterion.traced) return std::make_unique<SummedScores>(criterion);
  if (std::string(criterion.name) == "jacov") return std::make_unique<JacovScores>(criterion);
  return std::make_unique<EpenasScores>(criterion);
}

}  // namespace assay
