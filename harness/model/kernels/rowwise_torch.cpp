#include "harness/model/kernels/rowwise_torch.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "harness/model/kernels/gradients.h"
#include "harness/model/kernels/rowwise_cpu.h"

namespace assay {
namespace {

/// Least elements that are worth waking a thread for.
constexpr std::int64_t kGrainElements = 16 * 1024;

std::int64_t grain_rows(std::int64_t row_elements) {
  return std::max<std::int64_t>(1, kGrainElements / std::max<std::int64_t>(1, row_elements));
}

bool cpu_type(const at::Tensor& tensor) {
  return tensor.device().is_cpu() &&
         (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16) &&
         !needs_gradient(tensor);
}

void require(bool condition, const char* what) {
  if (!condition) throw std::logic_error(what);
}

template <typename Element>
const Element* in(const at::Tensor& tensor) {
  return static_cast<const Element*>(tensor.const_data_ptr());
}

template <typename Element>
Element* out(at::Tensor& tensor) {
  return static_cast<Element*>(tensor.mutable_data_ptr());
}

/// Calls with a null pointer of the element type.
template <typename Call>
void by_type(const at::Tensor& tensor, Call call) {
  if (tensor.scalar_type() == at::kFloat) {
    call(static_cast<float*>(nullptr));
  } else {
    call(static_cast<std::uint16_t*>(nullptr));
  }
}

template <typename Element>
void attend_heads(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                  std::int64_t heads, std::int64_t first, std::int64_t end, float scale,
                  at::Tensor& context) {
  const std::int64_t width = keys.size(3);
  const std::int64_t group = heads / keys.size(1);
  const std::int64_t work = (end - first) * width;
  at::parallel_for(0, query.size(0) * heads, grain_rows(work),
                   [&](std::int64_t begin, std::int64_t stop) {
                     std::vector<float> scores(static_cast<std::size_t>(end - first));
                     for (std::int64_t i = begin; i < stop; ++i) {
                       const std::int64_t row = i / heads, head = i % heads;
                       const auto cached = [&](const at::Tensor& tensor) {
                         return in<Element>(tensor) + row * tensor.stride(0) +
                                head / group * tensor.stride(1) + first * width;
                       };
                       OneQueryArgs<Element> args;
                       args.query = in<Element>(query) + row * query.stride(0) + head * width;
                       args.keys = cached(keys);
                       args.values = cached(values);
                       args.count = end - first;
                       args.head_dim = width;
                       args.scale = scale;
                       args.scores = scores.data();
                       args.context = out<Element>(context) + i * width;
                       attend_one_query(args);
                     }
                   });
}

}  // namespace

bool cpu_kernels_apply(const at::Tensor& tensor) {
  return cpu_type(tensor) && tensor.is_contiguous();
}

at::Tensor rms_norm_cpu(const at::Tensor& rows, const at::Tensor& weight, const RmsNormForm& form) {
  require(cpu_kernels_apply(rows) && cpu_kernels_apply(weight) && rows.dim() == 2 &&
              weight.numel() == rows.size(1) && weight.scalar_type() == rows.scalar_type(),
          "rms_norm_cpu(): the weight does not fit the rows");
  at::Tensor result = at::empty_like(rows);
  const std::int64_t width = rows.size(1);
  by_type(rows, [&](auto* type) {
    using Element = std::remove_pointer_t<decltype(type)>;
    at::parallel_for(0, rows.size(0), grain_rows(width), [&](std::int64_t begin, std::int64_t end) {
      const NormRows shape{end - begin, width, static_cast<float>(form.eps),
                           static_cast<float>(form.offset), form.rounds_last};
      rms_norm_rows(in<Element>(rows) + begin * width, in<Element>(weight), shape,
                    out<Element>(result) + begin * width);
    });
  });
  return result;
}

at::Tensor silu_gate_cpu(const at::Tensor& both) {
  require(cpu_kernels_apply(both) && both.dim() == 2 && both.size(1) % 2 == 0,
          "silu_gate_cpu(): gate and up must stand side by side");
  const std::int64_t width = both.size(1) / 2;
  at::Tensor result = at::empty({both.size(0), width}, both.options());
  by_type(both, [&](auto* type) {
    using Element = std::remove_pointer_t<decltype(type)>;
    at::parallel_for(0, both.size(0), grain_rows(width), [&](std::int64_t begin, std::int64_t end) {
      silu_gate_rows(in<Element>(both) + 2 * begin * width, end - begin, width,
                     out<Element>(result) + begin * width);
    });
  });
  return result;
}

void rotate_heads_cpu(at::Tensor& rows, std::int64_t heads, std::int64_t head_dim,
                      const at::Tensor& cos, const at::Tensor& sin, bool interleaved) {
  require(cpu_type(rows) && rows.dim() == 2 && rows.stride(1) == 1 &&
              heads * head_dim <= rows.size(1) && cos.is_contiguous() && sin.is_contiguous() &&
              cos.scalar_type() == at::kFloat && cos.size(0) == rows.size(0) &&
              2 * cos.size(1) <= head_dim && sin.sizes() == cos.sizes(),
          "rotate_heads_cpu(): the angles do not fit the rows");
  by_type(rows, [&](auto* type) {
    using Element = std::remove_pointer_t<decltype(type)>;
    RotateArgs<Element> args;
    args.rows = out<Element>(rows);
    args.stride = rows.stride(0);
    args.heads = heads;
    args.head_dim = head_dim;
    args.half = cos.size(1);
    args.interleaved = interleaved;
    args.cos = cos.const_data_ptr<float>();
    args.sin = sin.const_data_ptr<float>();
    at::parallel_for(0, rows.size(0), grain_rows(heads * head_dim),
                     [&](std::int64_t begin, std::int64_t end) { rotate_rows(args, begin, end); });
  });
}

void append_one_cpu(const at::Tensor& qkv, std::int64_t heads, std::int64_t position,
                    at::Tensor& keys, at::Tensor& values) {
  require(cpu_kernels_apply(qkv) && cpu_kernels_apply(keys) && cpu_kernels_apply(values) &&
              qkv.dim() == 2 && keys.dim() == 4 && keys.sizes() == values.sizes() &&
              qkv.size(0) == keys.size(0) && qkv.scalar_type() == keys.scalar_type() &&
              qkv.size(1) == (heads + 2 * keys.size(1)) * keys.size(3) && position >= 0 &&
              position < keys.size(2),
          "append_one_cpu(): the token does not fit the cache");
  const std::size_t bytes = static_cast<std::size_t>(keys.size(3)) * keys.element_size();
  const auto head_bytes = static_cast<std::int64_t>(bytes);
  const auto* from = static_cast<const std::byte*>(qkv.const_data_ptr()) + heads * head_bytes;
  const std::int64_t count = qkv.size(0) * keys.size(1);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = i / keys.size(1), head = i % keys.size(1);
    const std::byte* key = from + (row * qkv.size(1) / keys.size(3) + head) * head_bytes;
    const std::int64_t to = (i * keys.size(2) + position) * head_bytes;
    std::memcpy(static_cast<std::byte*>(keys.mutable_data_ptr()) + to, key, bytes);
    std::memcpy(static_cast<std::byte*>(values.mutable_data_ptr()) + to,
                key + keys.size(1) * head_bytes, bytes);
  }
}

at::Tensor attend_one_cpu(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                          std::int64_t heads, std::int64_t first, std::int64_t end, float scale) {
  require(cpu_type(query) && query.dim() == 2 && query.stride(1) == 1 && cpu_kernels_apply(keys) &&
              cpu_kernels_apply(values) && keys.dim() == 4 && keys.sizes() == values.sizes() &&
              keys.scalar_type() == query.scalar_type() && heads % keys.size(1) == 0 &&
              keys.size(0) == query.size(0) && query.size(1) >= heads * keys.size(3) &&
              0 <= first && first < end && end <= keys.size(2),
          "attend_one_cpu(): query and cache do not fit");
  at::Tensor context = at::empty({query.size(0), heads * keys.size(3)}, query.options());
  by_type(query, [&](auto* type) {
    using Element = std::remove_pointer_t<decltype(type)>;
    attend_heads<Element>(query, keys, values, heads, first, end, scale, context);
  });
  return context;
}

}  // namespace assay
