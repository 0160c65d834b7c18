#include "harness/worker/calibration_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/python_random.h"

namespace assay {
namespace {

const ScoredRequest& right_answer(const PreparedItem& item) {
  return item.requests[static_cast<std::size_t>(item.gold)];
}

/// Without what is too long at its left end.
AnsweredItem answered(const PreparedItem& item, std::int64_t tokens) {
  const ScoredRequest& request = right_answer(item);
  const std::int64_t cut = std::max<std::int64_t>(0, std::ssize(request.tokens) - tokens);
  if (cut >= request.scored_from) {
    throw DoesNotApply(fmt::format(
        "calibration.tokens is {}, and the answer of {} has {} tokens, which leaves none of its "
        "context: raise calibration.tokens",
        tokens, item.place.empty() ? "an item" : item.place,
        std::ssize(request.tokens) - request.scored_from));
  }
  return {.tokens = {request.tokens.begin() + cut, request.tokens.end()},
          .answer_from = request.scored_from - cut};
}

std::vector<const PreparedItem*> drawn(const PreparedItems& all, std::int64_t samples,
                                       std::uint64_t seed) {
  std::vector<const PreparedItem*> order;
  for (const PreparedItem& item : all.items) order.push_back(&item);
  PythonRandom(seed).shuffle(order);
  order.resize(static_cast<std::size_t>(std::min(samples, std::ssize(order))));
  return order;
}

std::vector<DataNote> remarks_on(const std::vector<const PreparedItem*>& items,
                                 const CalibrationRequest& request) {
  std::vector<DataNote> remarks;
  const auto count = std::ssize(items);
  const auto add = [&](const char* code, std::int64_t found, const std::string& text) {
    if (found > 0) remarks.push_back({code, text});
  };
  add("calibration_few_items", request.samples - count,
      fmt::format("calibration asks for {} items, and the split has {}: all of them are used",
                  request.samples, count));
  const auto cut = std::ranges::count_if(items, [&](const PreparedItem* item) {
    return std::ssize(right_answer(*item).tokens) > request.tokens;
  });
  add("calibration_cut_context", cut,
      fmt::format("{} of {} calibration items are longer than {} tokens; their contexts lose "
                  "tokens at the left end",
                  cut, count, request.tokens));
  const auto spanning =
      std::ranges::count_if(items, [](const PreparedItem* item) { return item->spans; });
  add("calibration_spanning_token", spanning,
      fmt::format("{} of {} calibration items have a context that ends inside a token; they are "
                  "split behind as many tokens as the context alone has, as suites do",
                  spanning, count));
  return remarks;
}

}  // namespace

DrawnItems draw_calibration_items(const CalibrationRequest& request, std::uint64_t seed,
                                  const Vocabulary& vocabulary) {
  const PreparedItems all = read_prepared_items(request.data, vocabulary);
  const std::vector<const PreparedItem*> items = drawn(all, request.samples, seed);
  DrawnItems result;
  for (const PreparedItem* item : items) {
    result.answered.items.push_back(answered(*item, request.tokens));
  }
  result.remarks = remarks_on(items, request);
  return result;
}

}  // namespace assay
