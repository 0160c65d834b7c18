#include "harness/train/language_model.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/checkpoint/spec_json.h"

namespace assay {
namespace {

/// int64 [windows, window]
at::Tensor windows_of(const Model& model, std::span<const std::int32_t> stream,
                      std::int64_t window) {
  const std::int64_t count = std::ssize(stream) / window;
  if (count == 0) {
    throw UserError(fmt::format("a text of {} tokens has no window of {}; choose shorter windows",
                                stream.size(), window));
  }
  const auto used = stream.first(static_cast<std::size_t>(count * window));
  for (const std::int32_t token : used) require_token(model.vocabulary(), token, "training text");
  return at::tensor(std::vector<std::int64_t>(used.begin(), used.end()), at::kLong)
      .view({count, window});
}

at::Tensor loss_of(const Model& model, const at::Tensor& windows,
                   std::span<const std::int64_t> which) {
  const at::Tensor index =
      at::tensor(std::vector<std::int64_t>(which.begin(), which.end()), at::kLong);
  return next_token_loss(model, windows.index_select(0, index).to(model.device()));
}

double held_out_loss(const Model& model, const at::Tensor& windows, std::int64_t batch) {
  const at::NoGradGuard guard;
  double sum = 0;
  for (std::int64_t begin = 0; begin < windows.size(0); begin += batch) {
    const std::int64_t count = std::min(batch, windows.size(0) - begin);
    const at::Tensor part = windows.narrow(0, begin, count).to(model.device());
    sum += next_token_loss(model, part).item<double>() * static_cast<double>(count);
  }
  return sum / static_cast<double>(windows.size(0));
}

std::string hash_of(std::span<const std::int32_t> stream) {
  Sha256 hash;
  hash.update(std::as_bytes(stream));
  return hash.hex();
}

Json identity_of(const Model& model, std::span<const std::int32_t> train,
                 std::span<const std::int32_t> held_out, const LanguageModelTraining& settings) {
  return {{"what", "language_model"},
          {"model", model.content_hash()},
          {"spec", to_json(model.spec())},
          {"train", hash_of(train)},
          {"held_out", hash_of(held_out)},
          {"window", settings.window},
          {"dropout", settings.parameters.dropout}};
}

}  // namespace

at::Tensor next_token_loss(const Model& model, const at::Tensor& tokens) {
  const std::int64_t batch = tokens.size(0), length = tokens.size(1);
  const at::Tensor rows = model.hidden(tokens).view({batch, length, -1}).narrow(1, 0, length - 1);
  return model
      .log_likelihood(rows.reshape({batch * (length - 1), -1}),
                      tokens.narrow(1, 1, length - 1).reshape(-1))
      .mean()
      .neg();
}

TrainResult train_language_model(Model& model, std::span<const std::int32_t> train,
                                 std::span<const std::int32_t> held_out,
                                 const LanguageModelTraining& settings, const TrainHooks& hooks) {
  const at::Tensor windows = windows_of(model, train, settings.window);
  TrainTask task;
  if (!hooks.checkpoints.empty()) {
    task.identity = identity_of(model, train, held_out, settings);
  }
  TrainedModel trained(model, settings.parameters);
  task.tensors = trained.tensors();
  task.items = windows.size(0);
  task.loss = [&](std::span<const std::int64_t> items) { return loss_of(model, windows, items); };
  if (!held_out.empty()) {
    task.held_out = [&, judged = windows_of(model, held_out, settings.window)] {
      return without_dropout(trained,
                             [&] { return held_out_loss(model, judged, settings.loop.batch); });
    };
  }
  TrainResult result = assay::train(task, settings.loop, hooks);
  trained.finish();
  return result;
}

}  // namespace assay
