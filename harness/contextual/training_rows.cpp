#include "harness/contextual/training_rows.h"

#include <ATen/ops/from_blob.h>
#include <ATen/ops/isfinite.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <stdexcept>

#include "harness/base/cell_errors.h"
#include "harness/base/hashing.h"
#include "harness/base/python_random.h"

namespace assay {
namespace {

/// int(rows * (1 - share)), whatever rounding makes of a whole number.
std::int64_t training_rows(std::int64_t rows, double held_out_share) {
  constexpr double kShareRounding = 1e-9;
  return static_cast<std::int64_t>(
      std::floor(static_cast<double>(rows) * (1 - held_out_share) + kShareRounding));
}

void require_both_parts(std::int64_t rows, std::int64_t training, double held_out_share) {
  const bool fine = training > 0 && (training < rows || held_out_share == 0);
  if (fine) return;
  throw DoesNotApply(
      fmt::format("{} rows are too few to train a predictor on and hold out {:g} of them; collect "
                  "more tokens or samples",
                  rows, held_out_share));
}

}  // namespace

RowSplit split_rows(std::vector<std::int64_t> rows, double held_out_share, SplitBy by,
                    std::uint64_t seed) {
  if (held_out_share < 0 || held_out_share >= 1) {
    throw std::logic_error("the share that is held out is from 0 to below 1");
  }
  const auto count = static_cast<std::int64_t>(rows.size());
  const std::int64_t training = training_rows(count, held_out_share);
  require_both_parts(count, training, held_out_share);
  if (by == SplitBy::kRandom) PythonRandom(seed).shuffle(rows);
  const auto edge = rows.begin() + training;
  return {.train = {rows.begin(), edge}, .held_out = {edge, rows.end()}};
}

at::Tensor index_of(std::span<const std::int64_t> rows) {
  auto* data = const_cast<std::int64_t*>(rows.data());
  return at::from_blob(data, {static_cast<std::int64_t>(rows.size())}, at::kLong).clone();
}

std::vector<std::int64_t> all_rows(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

void require_finite_rows(const at::Tensor& inputs, const std::string& training) {
  constexpr std::int64_t kPart = 16384;
  std::int64_t spoiled = 0, first = -1;
  for (std::int64_t begin = 0; begin < inputs.size(0); begin += kPart) {
    const at::Tensor part = inputs.narrow(0, begin, std::min(kPart, inputs.size(0) - begin));
    const at::Tensor bad = at::isfinite(part).all(1).logical_not();
    const auto here = bad.sum().item<std::int64_t>();
    if (here > 0 && first < 0) first = begin + bad.to(at::kByte).argmax().item<std::int64_t>();
    spoiled += here;
  }
  if (spoiled == 0) return;
  throw NonFiniteValue(
      "predictor_inputs",
      fmt::format("{}: {} of {} rows of inputs hold NaN or infinity, the first is row {} (from 0); "
                  "check the model and its dtype",
                  training, spoiled, inputs.size(0), first));
}

void warn_of_few_rows(std::int64_t rows, const Predictor& predictor, const TrainHooks& hooks) {
  if (rows >= predictor.form().inputs || !hooks.warn) return;
  hooks.warn("predictor_few_rows",
             fmt::format("{}: {} rows train a predictor that reads {} columns; so few it can learn "
                         "by heart",
                         hooks.name, rows, predictor.form().inputs));
}

at::Device predictor_device(const Predictor& predictor) {
  at::Device device = at::kCPU;
  // Looks only; visiting is not const because a visitor may replace what it is shown.
  const_cast<Predictor&>(predictor).visit_tensors(
      [&](const std::string&, at::Tensor& tensor) { device = tensor.device(); });
  return device;
}

TrainedPredictor::TrainedPredictor(Predictor& predictor, double weight_decay) {
  const c10::InferenceMode plain(false);
  predictor.visit_tensors([&](const std::string& name, at::Tensor& tensor) {
    if (tensor.scalar_type() != at::kFloat) {
      throw std::logic_error("a predictor is trained in fp32 and stored otherwise afterwards");
    }
    tensor = tensor.detach().clone().requires_grad_();
    tensors_.push_back({name, tensor, weight_decay});
  });
}

TrainedPredictor::~TrainedPredictor() {
  for (const TrainedTensor& trained : tensors_) {
    trained.tensor.mutable_grad().reset();
    at::Tensor(trained.tensor).requires_grad_(false);
  }
}

}  // namespace assay
