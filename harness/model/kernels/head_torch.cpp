#include "harness/model/kernels/head_torch.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "harness/model/kernels/bf16.h"
#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/linear.h"
#include "harness/model/kernels/rowwise_cpu.h"
#include "harness/model/kernels/rowwise_torch.h"

namespace assay {
namespace {

/// Logits held at a time: 16 MB in fp32, which stays in the cache and below what
/// keep_freed_memory() keeps.
constexpr std::int64_t kLogits = std::int64_t{4} << 20;
/// Fewest vocabulary entries of a part.
constexpr std::int64_t kLeastPart = 1024;

/// What a row knows of its logits so far.
struct RowState {
  RunningSum sum;
  float target = 0;
};

template <typename Element>
void add_part(const at::Tensor& logits, std::int64_t first, const std::int64_t* targets,
              std::vector<RowState>& rows) {
  const std::int64_t width = logits.size(1);
  const auto* values = static_cast<const Element*>(logits.const_data_ptr());
  at::parallel_for(0, logits.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      RowState& row = rows[static_cast<std::size_t>(r)];
      const Element* part = values + r * width;
      add_exponentials(part, width, row.sum);
      const std::int64_t place = targets[r] - first;
      if (place >= 0 && place < width) row.target = to_float(part[place]);
    }
  });
}

void check(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& targets) {
  const bool fits = cpu_kernels_apply(hidden) && cpu_kernels_apply(weight) && hidden.dim() == 2 &&
                    weight.dim() == 2 && hidden.size(1) == weight.size(1) &&
                    hidden.scalar_type() == weight.scalar_type() &&
                    targets.scalar_type() == at::kLong && targets.is_contiguous() &&
                    targets.numel() == hidden.size(0);
  if (!fits) throw std::logic_error("head_log_likelihood(): rows, head and targets do not fit");
  const auto* target = targets.const_data_ptr<std::int64_t>();
  const auto known = [&](std::int64_t token) { return token >= 0 && token < weight.size(0); };
  if (!std::all_of(target, target + targets.numel(), known)) {
    throw std::logic_error("head_log_likelihood(): a target is outside the vocabulary");
  }
}

}  // namespace

at::Tensor formed_logits(at::Tensor logits, const LogitForm& form) {
  const bool fresh = !needs_gradient(logits);
  if (form.scale != 1) logits = fresh ? logits.mul_(form.scale) : logits.mul(form.scale);
  if (form.softcap == 0) return logits;
  if (!fresh) return logits.div(form.softcap).tanh().mul(form.softcap);
  return logits.div_(form.softcap).tanh_().mul_(form.softcap);
}

at::Tensor head_log_likelihood(const at::Tensor& hidden, const at::Tensor& weight,
                               const at::Tensor& bias, const at::Tensor& targets,
                               const LogitForm& form) {
  check(hidden, weight, targets);
  const std::int64_t rows = hidden.size(0), vocab = weight.size(0);
  at::Tensor result = at::empty({rows}, at::kFloat);
  if (rows == 0) return result;
  std::vector<RowState> states(static_cast<std::size_t>(rows));
  const auto* target = targets.const_data_ptr<std::int64_t>();
  const std::int64_t part = std::max(kLeastPart, kLogits / rows);
  for (std::int64_t first = 0; first < vocab; first += part) {
    const std::int64_t count = std::min(part, vocab - first);
    const at::Tensor logits =
        formed_logits(dense_product(hidden, weight.narrow(0, first, count),
                                    bias.defined() ? bias.narrow(0, first, count) : bias),
                      form);
    if (logits.scalar_type() == at::kFloat) {
      add_part<float>(logits, first, target, states);
    } else {
      add_part<std::uint16_t>(logits, first, target, states);
    }
  }
  float* values = result.mutable_data_ptr<float>();
  for (const RowState& row : states) {
    *values++ = row.target - row.sum.largest - std::log(row.sum.sum);
  }
  return result;
}

}  // namespace assay
