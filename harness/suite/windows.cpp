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

void for_each_batch(const Windows& windows, SuiteContext& context,
                    const std::function<void(const WindowBatch&)>& use) {
  const std::int64_t size = std::max<std::int64_t>(1, kBatchTokens / windows.length());
  for (std::int64_t first = 0; first < windows.count(); first += size) {
    WindowBatch batch;
    batch.first = first;
    batch.count = std::min(size, windows.count() - first);
    batch.tokens = windows.tokens.narrow(0, first, batch.count).to(context.model().device());
    batch.prompt = windows.prompt;
    batch.targets =
        batch.tokens.narrow(1, windows.length() - windows.targets(), windows.targets()).flatten();
    use(batch);
    context.progress(first + batch.count, windows.count(), "windows");
  }
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
