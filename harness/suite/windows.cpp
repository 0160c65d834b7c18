#include "harness/suite/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "harness/base/cell_errors.h"
#include "harness/base/hashing.h"

namespace assay {
namespace {

constexpr std::int64_t kLongestDefault = 2048;
/// Tokens run together: enough rows for full speed of a product, few enough for the caches.
constexpr std::int64_t kBatchTokens = 2048;

WindowBatch batch_of(const Windows& windows, std::int64_t first, std::int64_t count,
                     at::Device device) {
  WindowBatch batch;
  batch.first = first;
  batch.count = count;
  batch.tokens = windows.tokens.narrow(0, first, count).to(device);
  batch.prompt = windows.prompt;
  batch.targets =
      batch.tokens.narrow(1, windows.length() - windows.targets(), windows.targets()).flatten();
  return batch;
}

}  // namespace

std::string Windows::hash(std::int64_t window) const {
  const at::Tensor row = tokens[window].contiguous();
  return sha256_hex(std::string_view(static_cast<const char*>(row.const_data_ptr()), row.nbytes()))
      .substr(0, 16);
}

std::vector<ParamSpec> window_params() {
  ParamSpec window;
  window.name = "window";
  window.type = ParamType::kInt;
  window.default_value = 0;
  window.help = "Tokens of a window; 0 takes the smaller of 2048 and the model's positions";
  window.unit = "tokens";
  window.min = 0;
  ParamSpec prompt;
  prompt.name = "prompt";
  prompt.type = ParamType::kInt;
  prompt.default_value = 0;
  prompt.help =
      "Tokens at the start of a window that are given and not scored, for methods that compute "
      "what "
      "follows a prompt otherwise; 0 scores all but the first token and names no prompt";
  prompt.unit = "tokens";
  prompt.min = 0;
  ParamSpec limit;
  limit.name = "limit";
  limit.type = ParamType::kInt;
  limit.default_value = 0;
  limit.help = "Score only the first windows; 0 scores all";
  limit.unit = "windows";
  limit.min = 0;
  return {window, prompt, limit};
}

Windows make_windows(const at::Tensor& stream, const ModelSpec& spec, const Params& params) {
  const std::int64_t asked = params.get_int("window");
  const std::int64_t length = asked == 0 ? std::min(kLongestDefault, spec.max_positions) : asked;
  if (length < 2 || length > spec.max_positions) {
    throw DoesNotApply(
        fmt::format("window is {} tokens; this model allows 2 to {}", length, spec.max_positions));
  }
  const std::int64_t prompt = params.get_int("prompt");
  if (prompt >= length) {
    throw DoesNotApply(
        fmt::format("prompt is {} tokens and window {}; a window needs a token behind its prompt",
                    prompt, length));
  }
  std::int64_t count = stream.size(0) / length;
  if (count == 0) {
    throw DoesNotApply(
        fmt::format("the data has {} tokens, fewer than one window of {}; set a "
                    "smaller window",
                    stream.size(0), length));
  }
  const std::int64_t limit = params.get_int("limit");
  if (limit > 0) count = std::min(count, limit);
  return {stream.narrow(0, 0, count * length).view({count, length}), prompt};
}

std::vector<std::vector<double>> score_windows(
    const Windows& windows, SuiteContext& context, std::size_t numbers,
    const std::function<std::vector<double>(const WindowBatch&)>& score) {
  const std::int64_t size = std::max<std::int64_t>(1, kBatchTokens / windows.length());
  std::vector<std::vector<double>> all;
  for (std::int64_t first = 0; first < windows.count(); first += size) {
    const std::int64_t count = std::min(size, windows.count() - first);
    const std::vector<double> values = context.score_log().next(
        static_cast<std::size_t>(count) * numbers,
        [&] { return score(batch_of(windows, first, count, context.model().device())); });
    for (auto begin = values.begin(); begin != values.end();
         begin += static_cast<std::ptrdiff_t>(numbers)) {
      all.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(numbers));
    }
    context.progress(first + count, windows.count(), "windows");
  }
  return all;
}

at::Tensor predicting_rows(const Model& model, const WindowBatch& batch) {
  const std::int64_t length = batch.tokens.size(1);
  const std::int64_t targets = batch.targets.size(0) / batch.count;
  const auto prompt = batch.prompt > 0 ? std::optional(batch.prompt) : std::nullopt;
  return model.hidden(batch.tokens, nullptr, prompt)
      .unflatten(0, {batch.count, length})
      .narrow(1, length - 1 - targets, targets)
      .flatten(0, 1);
}

}  // namespace assay
