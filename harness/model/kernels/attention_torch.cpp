#include "harness/model/kernels/attention_torch.h"

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "harness/model/kernels/attention_cpu.h"
#include "harness/model/kernels/bf16.h"
#include "harness/model/kernels/rowwise_torch.h"

namespace assay {
namespace {

/// Most queries of one block, the rows of the small products, and most keys.
constexpr std::int64_t kQueryBlock = 64;
constexpr std::int64_t kKeyBlock = 512;
/// Blocks of keys are cut to a multiple of this; each width has its own compiled product.
constexpr std::int64_t kKeyStep = 64;
/// Sequences shorter than a step have steps of their own.
constexpr std::int64_t kSmallStep = 16;

std::int64_t rounded_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

/// c [m, n] (+)= a [m, k] b [k, n]; b and c have as many columns as their blocks are wide.
struct Product {
  std::int64_t m, n, k, a_stride, b_stride, c_stride;
  bool add = false;

  void run(const float* a, const float* b, float* c) const {
    at::native::cpublas::brgemm(m, n, k, a_stride, b_stride, c_stride, add, a, b, c, false);
  }
  void run(const std::uint16_t* a, const std::uint16_t* b, float* c) const {
    at::native::cpublas::brgemm(m, n, k, a_stride, b_stride, c_stride, add,
                                reinterpret_cast<const at::BFloat16*>(a),
                                reinterpret_cast<const at::BFloat16*>(b), c, true);
  }
};

/// Whether the processor has packed bfloat16 products: asks for a small one and looks at it.
bool has_packed_products() {
  static const bool works = [] {
    const std::array<std::uint16_t, 4> ones{0x3f80, 0x3f80, 0x3f80, 0x3f80};
    std::array<float, 4> result{};
    try {
      Product{2, 2, 2, 2, 2, 2}.run(ones.data(), ones.data(), result.data());
      at::native::cpublas::brgemm_release(true);
    } catch (const std::exception&) {
      return false;
    }
    return std::all_of(result.begin(), result.end(), [](float x) { return x == 2.0F; });
  }();
  return works;
}

/// Where one sequence's heads are, and their packed keys and values.
template <typename Element>
struct Sequence {
  const Element* rows;  ///< first token
  std::int64_t tokens, stride;
  HeadLayout layout;
  bool causal;
  Element* context;
  std::vector<Element> keys, values;  ///< [kv_heads][blocks][head_dim * key_width()]

  /// Of what products have as their rows or columns.
  [[nodiscard]] std::int64_t step() const { return tokens < kKeyStep ? kSmallStep : kKeyStep; }
  [[nodiscard]] std::int64_t query_rows() const {
    return std::min(kQueryBlock, rounded_up(tokens, step()));
  }
  [[nodiscard]] std::int64_t key_width() const {
    return std::min(kKeyBlock, rounded_up(tokens, step()));
  }
  [[nodiscard]] std::int64_t key_blocks() const { return (tokens + kKeyBlock - 1) / kKeyBlock; }
  [[nodiscard]] std::int64_t query_blocks() const {
    return (tokens + kQueryBlock - 1) / kQueryBlock;
  }
  [[nodiscard]] std::int64_t block_size() const { return layout.head_dim * key_width(); }
  [[nodiscard]] std::int64_t block_at(std::int64_t kv_head, std::int64_t block) const {
    return (kv_head * key_blocks() + block) * block_size();
  }
};

template <typename Element>
void pack(Sequence<Element>& sequence) {
  const HeadLayout& layout = sequence.layout;
  const auto size = static_cast<std::size_t>(sequence.block_at(layout.kv_heads, 0));
  sequence.keys.resize(size);
  sequence.values.resize(size);
  const std::int64_t blocks = sequence.key_blocks();
  at::parallel_for(0, layout.kv_heads * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % blocks * kKeyBlock;
      const RowsToPack shape{.stride = sequence.stride,
                             .count = std::min(kKeyBlock, sequence.tokens - first),
                             .head_dim = layout.head_dim,
                             .width = sequence.key_width()};
      const Element* row = sequence.rows + first * sequence.stride;
      const Element* key = row + (layout.heads + i / blocks) * layout.head_dim;
      const Element* value = key + layout.kv_heads * layout.head_dim;
      const std::int64_t at = i * sequence.block_size();
      pack_keys(key, shape, sequence.keys.data() + at);
      pack_values(value, shape, sequence.values.data() + at);
    }
  });
}

/// Scratch of one thread, and one block of queries of one head at a time.
template <typename Element>
class BlockAttention {
 public:
  explicit BlockAttention(const Sequence<Element>& sequence)
      : sequence_(sequence),
        rows_(sequence.query_rows()),
        columns_(sequence.key_width()),
        width_(sequence.layout.head_dim),
        scale_(sequence.layout.score_scale()),
        queries_(static_cast<std::size_t>(rows_ * width_)),
        scores_(static_cast<std::size_t>(rows_ * columns_)),
        weights_(static_cast<std::size_t>(rows_ * columns_)),
        sums_(static_cast<std::size_t>(rows_ * width_)) {}

  void run(std::int64_t head, std::int64_t query_block) {
    const std::int64_t first = query_block * kQueryBlock;
    const std::int64_t count = std::min(kQueryBlock, sequence_.tokens - first);
    const HeadLayout& layout = sequence_.layout;
    copy_queries(head, first, count);
    const std::int64_t kv_head = head / (layout.heads / layout.kv_heads);
    const std::int64_t seen = sequence_.causal ? first + count : sequence_.tokens;
    for (std::int64_t block = 0; block * kKeyBlock < seen; ++block) {
      add_block(first, count, block, sequence_.block_at(kv_head, block));
    }
    for (std::int64_t r = 0; r < count; ++r) {
      Element* out = sequence_.context + ((first + r) * layout.heads + head) * width_;
      scale_row_to(sums_.data() + r * width_, width_, 1.0F / softmax_[at(r)].sum, out);
    }
  }

 private:
  static std::size_t at(std::int64_t row) { return static_cast<std::size_t>(row); }

  void copy_queries(std::int64_t head, std::int64_t first, std::int64_t count) {
    const Element* from = sequence_.rows + first * sequence_.stride + head * width_;
    for (std::int64_t r = 0; r < count; ++r) {
      std::copy_n(from + r * sequence_.stride, width_, queries_.data() + r * width_);
    }
    std::fill(queries_.begin() + count * width_, queries_.end(), Element{0});
  }

  void add_block(std::int64_t first, std::int64_t count, std::int64_t block, std::int64_t place) {
    const std::int64_t begin = block * kKeyBlock;
    const std::int64_t end = sequence_.causal ? first + count : sequence_.tokens;
    const std::int64_t keys = std::min(columns_, rounded_up(end - begin, sequence_.step()));
    Product{rows_, keys, width_, width_, columns_, columns_}.run(
        queries_.data(), sequence_.keys.data() + place, scores_.data());
    for (std::int64_t r = 0; r < rows_; ++r) {
      // Rows beyond the last query are zero and see what the last one sees; nobody reads them.
      const std::int64_t last = sequence_.causal ? first + std::min(r, count - 1) + 1 : end;
      const float earlier =
          softmax_block(scores_.data() + r * columns_, std::min(keys, last - begin), keys, scale_,
                        block == 0, softmax_[at(r)], weights_.data() + r * columns_);
      if (block > 0 && earlier != 1.0F) scale_row(sums_.data() + r * width_, width_, earlier);
    }
    Product{rows_, width_, keys, columns_, width_, width_, block > 0}.run(
        weights_.data(), sequence_.values.data() + place, sums_.data());
  }

  const Sequence<Element>& sequence_;
  std::int64_t rows_, columns_;  ///< of a block of scores
  std::int64_t width_;
  float scale_;
  std::vector<Element> queries_;
  std::vector<float> scores_;
  std::vector<Element> weights_;
  std::vector<float> sums_;
  std::array<RunningSoftmax, kQueryBlock> softmax_;
};

template <typename Element>
void attend(Sequence<Element>& sequence) {
  pack(sequence);
  // A late block of queries sees more keys than an early one: tasks are pairs of equal work.
  const std::int64_t blocks = sequence.query_blocks();
  const std::int64_t pairs = (blocks + 1) / 2;
  at::parallel_for(0, sequence.layout.heads * pairs, 1, [&](std::int64_t begin, std::int64_t end) {
    BlockAttention<Element> attention(sequence);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t head = i / pairs, early = i % pairs, late = blocks - 1 - early;
      attention.run(head, early);
      if (late != early) attention.run(head, late);
    }
    at::native::cpublas::brgemm_release(sizeof(Element) == sizeof(std::uint16_t));
  });
}

template <typename Element>
void attend_all(const at::Tensor& qkv, const std::vector<RowSpan>& sequences,
                const HeadLayout& layout, bool causal, at::Tensor& context) {
  const auto attend_one = [&](const RowSpan& span) {
    if (span.length == 0) return;
    Sequence<Element> sequence;
    sequence.rows = static_cast<const Element*>(qkv.const_data_ptr()) + span.offset * qkv.size(1);
    sequence.tokens = span.length;
    sequence.stride = qkv.size(1);
    sequence.layout = layout;
    sequence.causal = causal;
    sequence.context = static_cast<Element*>(context.mutable_data_ptr()) +
                       span.offset * layout.heads * layout.head_dim;
    attend(sequence);
  };
  const std::int64_t count = std::ssize(sequences);
  if (count < at::get_num_threads()) {
    for (const RowSpan& span : sequences) attend_one(span);
    return;
  }
  // Whole sequences are larger tasks than the blocks of one.
  at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) attend_one(sequences[static_cast<std::size_t>(i)]);
  });
}

void require_fit(const at::Tensor& qkv, const std::vector<RowSpan>& sequences,
                 const HeadLayout& layout) {
  std::int64_t covered = 0;
  bool fits = blocked_attention_applies(qkv, layout) &&
              qkv.size(1) == (layout.heads + 2 * layout.kv_heads) * layout.head_dim;
  for (const RowSpan& span : sequences) {
    fits = fits && span.offset == covered && span.length >= 0;
    covered += span.length;
  }
  if (fits && covered == qkv.size(0)) return;
  throw std::logic_error("blocked_attention(): the rows do not fit the heads or the sequences");
}

}  // namespace

float HeadLayout::score_scale() const {
  return scale > 0 ? static_cast<float>(scale) : 1.0F / std::sqrt(static_cast<float>(head_dim));
}

bool blocked_attention_applies(const at::Tensor& qkv, const HeadLayout& layout) {
  if (!cpu_kernels_apply(qkv) || qkv.dim() != 2 || qkv.size(0) == 0) return false;
  if (layout.head_dim % 2 != 0 || layout.heads % layout.kv_heads != 0) return false;
  return qkv.scalar_type() == at::kFloat || has_packed_products();
}

at::Tensor blocked_attention(const at::Tensor& qkv, const std::vector<RowSpan>& sequences,
                             const HeadLayout& layout, bool causal) {
  require_fit(qkv, sequences, layout);
  at::Tensor context = at::empty({qkv.size(0), layout.heads * layout.head_dim}, qkv.options());
  if (qkv.scalar_type() == at::kFloat) {
    attend_all<float>(qkv, sequences, layout, causal, context);
  } else {
    attend_all<std::uint16_t>(qkv, sequences, layout, causal, context);
  }
  return context;
}

}  // namespace assay
