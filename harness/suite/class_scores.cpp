#include "harness/suite/class_scores.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "harness/base/cell_errors.h"
#include "harness/base/param_makers.h"
#include "harness/data/class_names.h"
#include "harness/model/mixing_input.h"
#include "harness/model/packed_sequences.h"
#include "harness/suite/prepared.h"

namespace assay {
namespace {

void require_tokens(const Model& model, const LabelledItems& items) {
  const Vocabulary vocabulary = model.vocabulary();
  const auto types = std::max<std::int64_t>(model.spec().token_types, 0);
  for (std::int64_t i = 0; i < items.count(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    for (std::int64_t t = items.offsets[index]; t < items.offsets[index + 1]; ++t) {
      const auto token = static_cast<std::size_t>(t);
      const auto place = [&] {
        return fmt::format("item {} (line {} of the raw file), token {}", i + 1, items.lines[index],
                           t - items.offsets[index] + 1);
      };
      if (items.tokens[token] < 0 || items.tokens[token] >= vocabulary.size) {
        require_token(vocabulary, items.tokens[token], place());
      }
      if (types == 0 || items.token_types[token] < types) continue;
      throw UserError(fmt::format(
          "{}: segment {}, but the model has segments 0 to {}; prepare the data with the model's "
          "own tokenizer",
          place(), items.token_types[token], types - 1));
    }
  }
}

void limit_to(LabelledItems& items, std::int64_t limit) {
  if (limit == 0 || limit >= items.count()) return;
  const auto count = static_cast<std::size_t>(limit);
  items.offsets.resize(count + 1);
  items.labels.resize(count);
  items.lines.resize(count);
  items.hashes.resize(count);
  items.text_hashes.resize(count);
  const auto tokens = static_cast<std::size_t>(items.offsets.back());
  items.tokens.resize(tokens);
  items.token_types.resize(tokens);
}

std::vector<std::int64_t> by_length(const LabelledItems& items) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(items.count()));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::int64_t item) { return items.length(item); });
  return order;
}

/// The first of `items` that are run together: whole groups of `group`, one at least while there
/// are so many.
std::size_t next_pack(const LabelledItems& data, std::span<const std::int64_t> items,
                      std::int64_t most_tokens, std::size_t group) {
  std::size_t count = 0;
  std::int64_t tokens = 0;
  while (count < items.size()) {
    tokens += data.length(items[count]);
    if (count >= group && tokens > most_tokens) return count - count % group;
    ++count;
  }
  return count;
}

PackedTokens packed(const Model& model, const LabelledItems& data,
                    std::span<const std::int64_t> items) {
  std::vector<at::Tensor> sequences, types;
  for (const std::int64_t item : items) {
    const auto begin = data.offsets[static_cast<std::size_t>(item)];
    const auto of_item = [&](const auto& values) {
      const auto first = values.begin() + begin;
      return at::tensor(std::vector<std::int64_t>(first, first + data.length(item)), at::kLong);
    };
    sequences.push_back(of_item(data.tokens).to(model.device()));
    types.push_back(of_item(data.token_types).to(model.device()));
  }
  if (model.spec().token_types == 0) types.clear();
  return pack_sequences(sequences, types);
}

/// Of the classes of each sequence, one sequence after the other.
std::vector<double> log_probs_of(const Model& model, const PackedTokens& tokens) {
  const at::Tensor logits = model.sequence_logits(tokens);
  const at::Tensor values = at::log_softmax(logits.to(at::kCPU, at::kDouble), 1).contiguous();
  const double* first = values.const_data_ptr<double>();
  return {first, first + values.numel()};
}

void remark_on_groups(SuiteContext& context, const LabelledItems& items) {
  const std::int64_t group = instances_of(context.model().input());
  if (items.count() % group == 0) return;
  context.remark("items_fill_groups",
                 fmt::format("{} items leave the last group of {} open; it is filled up with items "
                             "of the last batch",
                             items.count(), group));
}

}  // namespace

std::vector<ParamSpec> labelled_params() {
  ParamSpec limit = limit_param();
  limit.help = "Score only the first items; 0 scores all";
  return {count_param("max_tokens", 128, 1, "tokens",
                      "Longest item, special tokens included; longer ones are cut"),
          limit,
          count_param("batch_tokens", 2048, 1, "",
                      "Tokens run together; changes nothing but time, memory and rounding")};
}

LabelledItems labelled_items_for(SuiteContext& context, const Params& params) {
  LabelledItems items = read_labelled_items(context.data());
  if (items.max_tokens != params.get_int("max_tokens")) {
    throw UserError(fmt::format("the data were prepared for max_tokens = {}, the suite says {}",
                                items.max_tokens, params.get_int("max_tokens")));
  }
  require_same_classes(context.model().spec().classes, context.model().spec().labels,
                       items.label_names);
  limit_to(items, params.get_int("limit"));
  require_tokens(context.model(), items);
  remark_on_groups(context, items);
  return items;
}

at::Tensor class_log_probs(const Model& model, const LabelledItems& items,
                           std::int64_t batch_tokens, ScoreLog& log,
                           const std::function<void(std::int64_t)>& done) {
  const std::vector<std::int64_t> order = by_length(items);
  const auto group = static_cast<std::size_t>(instances_of(model.input()));
  const std::int64_t classes = model.output().outputs();
  at::Tensor all = at::empty({items.count(), classes}, at::kDouble);
  for (std::size_t begin = 0; begin < order.size();) {
    const auto rest = std::span(order).subspan(begin);
    const auto pack = rest.first(next_pack(items, rest, batch_tokens, group));
    const std::vector<double> scores =
        log.next(pack.size() * static_cast<std::size_t>(classes),
                 [&] { return log_probs_of(model, packed(model, items, pack)); });
    const at::Tensor places = at::tensor(at::ArrayRef(pack.data(), pack.size()), at::kLong);
    all.index_copy_(0, places, at::tensor(scores, at::kDouble).view({-1, classes}));
    begin += pack.size();
    done(static_cast<std::int64_t>(begin));
  }
  return all;
}

}  // namespace assay
