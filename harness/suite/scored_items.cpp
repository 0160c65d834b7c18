#include "harness/suite/scored_items.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/param_makers.h"
#include "harness/suite/token_tree.h"

namespace assay {
namespace {

void remark_items(SuiteContext& context, const std::vector<PreparedItem>& items) {
  const std::int64_t positions = context.model().spec().max_positions;
  const auto is_cut = [&](const ScoredRequest& request) {
    return tokens_cut(request, positions) > 0;
  };
  const auto cut = std::ranges::count_if(
      items, [&](const auto& item) { return std::ranges::any_of(item.requests, is_cut); });
  if (cut > 0) {
    context.remark("items_cut_context",
                   fmt::format("{} of {} items are longer than the model's {} positions; their "
                               "contexts lose tokens at the left end, as in lm-evaluation-harness",
                               cut, items.size(), positions));
  }
  const auto spanning = std::ranges::count_if(items, &PreparedItem::spans);
  if (spanning > 0) {
    context.remark("items_spanning_token",
                   fmt::format("{} of {} items have a context that ends inside a token; they are "
                               "split behind as many tokens as the context alone has, as in "
                               "lm-evaluation-harness",
                               spanning, items.size()));
  }
}

}  // namespace

std::vector<ParamSpec> item_params() {
  return {limit_param(),
          flag_param("share_prompts", true,
                     "Answers to a question run its prompt once; false: each by itself, which a "
                     "method needs that chooses from the end of a text for all of it")};
}

ScoredItems score_prepared_items(SuiteContext& context, const Params& params,
                                 TreeScorerOptions options) {
  options.share_beginnings = params.get_bool("share_prompts");
  ScoredItems scored;
  scored.prepared = read_prepared_items(context.data(), context.model().vocabulary());
  limit_items(scored.prepared, params.get_int("limit"));
  remark_items(context, scored.prepared.items);
  const auto total = std::ssize(scored.prepared.items);
  scored.scores =
      score_items(context.model(), scored.prepared.items, options, context.score_log(),
                  [&](std::int64_t finished) { context.progress(finished, total, "items"); });
  return scored;
}

}  // namespace assay
