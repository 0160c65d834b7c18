#pragma once
// Keys and values of heads that a token did not choose.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "harness/model/standard_attention.h"

namespace assay {

/// What later tokens find where a token did not choose a head. Grouped queries share their keys:
/// those are computed if one of the group is chosen.
enum class MissingKeys {
  kDense,      ///< its key and value: all are computed
  kRecompute,  ///< the same, computed when the head is chosen by another (see LateKeys)
  kAbsent,     ///< nothing: the head never sees this token
};
/// "dense", "recompute", "absent", in the enumeration's order.
const std::vector<std::string>& missing_keys_names();
MissingKeys missing_keys_from_name(const std::string& name);

/// Query heads that run -> heads whose keys and values they need: bool [n, heads] -> [n, kv_heads].
at::Tensor key_heads_of(const AttentionShape& shape, const at::Tensor& masks);

/// Notes of which heads the tokens of this step have keys, bool [rows, kv_heads], and says of which
/// heads the last `keys` tokens have them, this step's included -> bool [batch, kv_heads, keys].
/// Kept for `block` in the sequence's state; tokens that were never noted have all.
at::Tensor keys_there(const void* block, const StepContext& step, const at::Tensor& noted,
                      std::int64_t keys);

/// StandardAttention::attend() over the keys that are there, bool [batch, kv_heads, keys]. A token
/// always sees its own, so that a head that it did not choose gives numbers, though no good ones.
at::Tensor attend_there(const AttentionShape& shape, const AttentionHeads& heads,
                        const at::Tensor& there, const StepContext& step);

}  // namespace assay
