// Our kernels against ATen and against the machine: how near to the read bandwidth does a decode
// step's product come? Every matrix is larger than the caches, or there are as many as it takes.

#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "harness/model/kernels/gathered.h"
#include "harness/model/kernels/gemv_cpu.h"
#include "harness/model/kernels/gemv_torch.h"
#include "harness/model/kernels/large_pages.h"
#include "harness/model/kernels/linear.h"
#include "harness/model/kernels/packed.h"
#include "harness/model/kernels/packed_cpu.h"

namespace {

/// More than any last-level cache that the project has met.
constexpr std::int64_t kColdBytes = std::int64_t{384} << 20;

/// Columns that share a scale in packed matrices.
constexpr std::int64_t kGroup = 128;

at::ScalarType dtype_of(std::int64_t bits) { return bits == 16 ? at::kBFloat16 : at::kFloat; }

/// Keeps what `make` made for a key: repetitions in random order would make it again each time.
template <typename Key, typename Make>
const auto& kept(const Key& key, Make make) {
  static std::map<Key, decltype(make())> made;
  const auto found = made.find(key);
  return found != made.end() ? found->second : made.emplace(key, make()).first->second;
}

/// Enough copies of a random [rows, cols] that each is cold when its turn comes.
const std::vector<at::Tensor>& cold_weights(std::int64_t rows, std::int64_t cols,
                                            at::ScalarType dtype) {
  return kept(std::tuple(rows, cols, dtype), [&] {
    const at::Tensor one = at::randn({rows, cols}).to(dtype);
    const auto copies = 1 + kColdBytes / static_cast<std::int64_t>(one.nbytes());
    std::vector<at::Tensor> weights;
    for (std::int64_t i = 0; i < copies; ++i) weights.push_back(assay::copy_on_large_pages(one));
    return weights;
  });
}

void count_rates(benchmark::State& state, std::int64_t bytes, std::int64_t weights) {
  const auto products = static_cast<double>(state.iterations());
  state.counters["bytes/s"] =
      benchmark::Counter(products * static_cast<double>(bytes), benchmark::Counter::kIsRate,
                         benchmark::Counter::kIs1000);
  state.counters["flop/s"] =
      benchmark::Counter(products * 2.0 * static_cast<double>(weights), benchmark::Counter::kIsRate,
                         benchmark::Counter::kIs1000);
}

template <typename Product>
void run_products(benchmark::State& state, Product product) {
  const c10::InferenceMode inference;
  const std::int64_t rows = state.range(0), cols = state.range(1), batch = state.range(2);
  const at::ScalarType dtype = dtype_of(state.range(3));
  const std::vector<at::Tensor>& weights = cold_weights(rows, cols, dtype);
  const at::Tensor x = at::randn({batch, cols}).to(dtype);
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(product(x, weights[next]));
    next = (next + 1) % weights.size();
  }
  count_rates(state, static_cast<std::int64_t>(weights.front().nbytes()), rows * cols * batch);
}

void dense_product(benchmark::State& state) {
  run_products(state, [](const at::Tensor& x, const at::Tensor& weight) {
    return assay::dense_product(x, weight, {});
  });
}

void aten_linear(benchmark::State& state) {
  run_products(state,
               [](const at::Tensor& x, const at::Tensor& weight) { return at::linear(x, weight); });
}

/// Random codes; as many copies as it takes for each to be cold.
const std::vector<assay::PackedMatrix>& cold_packed(std::int64_t rows, std::int64_t cols,
                                                    std::int64_t bits) {
  return kept(std::tuple(rows, cols, bits), [&] {
    const std::int64_t groups = (cols + kGroup - 1) / kGroup, levels = std::int64_t{1} << bits;
    const at::Tensor codes = at::randint(levels, {rows, cols}, at::kByte);
    const at::Tensor zeros = at::full({rows, groups}, levels / 2, at::kByte);
    const assay::PackedMatrix one =
        assay::pack_matrix(codes, at::rand({rows, groups}), zeros, bits, kGroup);
    std::vector<assay::PackedMatrix> matrices;
    for (std::int64_t i = 0; i <= kColdBytes / one.bytes(); ++i) {
      matrices.push_back(one);
      matrices.back().codes = assay::copy_on_large_pages(one.codes);
      matrices.back().scales = assay::copy_on_large_pages(one.scales);
      matrices.back().zeros = assay::copy_on_large_pages(one.zeros);
    }
    return matrices;
  });
}

void packed_product(benchmark::State& state) {
  const c10::InferenceMode inference;
  const std::int64_t rows = state.range(0), cols = state.range(1), batch = state.range(2);
  const auto& weights = cold_packed(rows, cols, state.range(3));
  const at::Tensor x = at::randn({batch, cols});
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(assay::packed_product(x, weights[next], {}));
    next = (next + 1) % weights.size();
  }
  count_rates(state, weights.front().bytes(), rows * cols * batch);
}

/// `share` per mille of the neurons, spread over all of them as outliers are.
assay::Selection random_selection(std::int64_t neurons, std::int64_t share) {
  const at::Tensor z = at::rand({neurons});
  const at::Tensor low = at::full({neurons}, static_cast<double>(share) / 1000);
  return assay::select_outside(z, low, at::full({neurons}, 2.0));
}

/// Rows chosen afresh in every turn out of enough matrices that they are cold.
template <typename Product>
void run_gathered(benchmark::State& state, Product product) {
  const c10::InferenceMode inference;
  const std::int64_t neurons = state.range(0), width = state.range(1);
  const at::ScalarType dtype = dtype_of(state.range(3));
  const std::vector<at::Tensor>& weights = cold_weights(neurons, width, dtype);
  std::vector<assay::Selection> selections;
  for (int i = 0; i < 7; ++i) selections.push_back(random_selection(neurons, state.range(2)));
  std::size_t turn = 0;
  std::int64_t rows = 0;
  for (auto _ : state) {
    const assay::Selection& selection = selections[turn % selections.size()];
    product(weights[turn % weights.size()], selection);
    rows += *selection.count.const_data_ptr<std::int32_t>();
    ++turn;
  }
  const std::int64_t mean = rows / std::max<std::int64_t>(1, state.iterations());
  count_rates(state, mean * width * static_cast<std::int64_t>(weights.front().element_size()),
              mean * width);
}

void gathered_product(benchmark::State& state) {
  const at::Tensor x = at::randn({state.range(1)}).to(dtype_of(state.range(3)));
  run_gathered(state, [&](const at::Tensor& weight, const assay::Selection& selection) {
    benchmark::DoNotOptimize(assay::gathered_product(x, weight, {}, selection));
  });
}

void gathered_accumulate(benchmark::State& state) {
  const at::Tensor coefficients = at::randn({state.range(0)});
  at::Tensor y = at::zeros({state.range(1)});
  run_gathered(state, [&](const at::Tensor& weight, const assay::Selection& selection) {
    assay::gathered_accumulate(coefficients, weight, selection, y);
  });
}

void select_outside(benchmark::State& state) {
  const c10::InferenceMode inference;
  const std::int64_t neurons = state.range(0);
  const at::Tensor z = at::rand({neurons}), high = at::full({neurons}, 2.0);
  const at::Tensor low = at::full({neurons}, static_cast<double>(state.range(1)) / 1000);
  for (auto _ : state) benchmark::DoNotOptimize(assay::select_outside(z, low, high));
}

/// The limit: a sum over memory that is read once, on the same pages by the same threads. As a
/// product with one row it runs through the same loop, so it is the kernel without its row ends.
void read_bandwidth(benchmark::State& state) {
  const c10::InferenceMode inference;
  constexpr std::int64_t kWidth = 65536;
  const at::Tensor& memory = cold_weights(kColdBytes / 4 / kWidth, kWidth, at::kFloat).front();
  const at::Tensor x = at::randn({1, kWidth});
  for (auto _ : state) benchmark::DoNotOptimize(assay::gemv_linear(x, memory, {}));
  state.counters["bytes/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(memory.nbytes()),
      benchmark::Counter::kIsRate, benchmark::Counter::kIs1000);
}

/// SmolLM2-135M's products: qkv, output, gate and up, down, head; then a larger model's down.
void decode_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "cols", "batch", "bits"});
  for (const std::int64_t bits : {32, 16}) {
    for (const std::int64_t batch : {1, 4, 8}) {
      benchmark->Args({960, 576, batch, bits});
      benchmark->Args({576, 576, batch, bits});
      benchmark->Args({3072, 576, batch, bits});
      benchmark->Args({576, 1536, batch, bits});
      benchmark->Args({49152, 576, batch, bits});
    }
  }
  benchmark->UseRealTime();
}

void prefill_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "cols", "batch", "bits"});
  for (const std::int64_t bits : {32, 16}) {
    for (const std::int64_t batch : {16, 128, 2048}) {
      benchmark->Args({960, 576, batch, bits});
      benchmark->Args({3072, 576, batch, bits});
      benchmark->Args({576, 1536, batch, bits});
    }
  }
  benchmark->UseRealTime();
}

/// MiniLM's products for one text and for two of 32 tokens: qkv, output, up, down.
void encoder_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "cols", "batch", "bits"});
  for (const std::int64_t batch : {16, 32, 64}) {
    benchmark->Args({1152, 384, batch, 32});
    benchmark->Args({384, 384, batch, 32});
    benchmark->Args({1536, 384, batch, 32});
    benchmark->Args({384, 1536, batch, 32});
  }
  benchmark->UseRealTime();
}

/// The two matrices of an FFN of width 4096 with 16384 neurons.
void ffn_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "cols", "batch", "bits"});
  for (const std::int64_t bits : {2, 3, 4, 8}) {
    for (const std::int64_t batch : {1, 4, 8}) {
      benchmark->Args({4096, 16384, batch, bits});
      benchmark->Args({16384, 4096, batch, bits});
    }
  }
  benchmark->UseRealTime();
}

void dense_ffn_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "cols", "batch", "bits"});
  for (const std::int64_t bits : {32, 16}) {
    benchmark->Args({4096, 16384, 1, bits});
    benchmark->Args({16384, 4096, 1, bits});
  }
  benchmark->UseRealTime();
}

/// Shares of neurons that TARDIS falls back for, per mille.
void gathered_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "cols", "share", "bits"});
  for (const std::int64_t bits : {32, 16}) {
    for (const std::int64_t share : {0, 20, 75, 200}) {
      benchmark->Args({16384, 4096, share, bits});
    }
  }
  benchmark->UseRealTime();
}

BENCHMARK(gathered_product)->Apply(gathered_shapes);
BENCHMARK(gathered_accumulate)->Apply(gathered_shapes);
BENCHMARK(select_outside)
    ->ArgNames({"rows", "share"})
    ->Args({16384, 20})
    ->Args({16384, 200})
    ->UseRealTime();
BENCHMARK(packed_product)->Apply(ffn_shapes);
BENCHMARK(read_bandwidth)->UseRealTime();
BENCHMARK(dense_product)
    ->Apply(dense_ffn_shapes)
    ->Apply(decode_shapes)
    ->Apply(prefill_shapes)
    ->Apply(encoder_shapes);
BENCHMARK(aten_linear)->Apply(decode_shapes)->Apply(prefill_shapes)->Apply(encoder_shapes);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("instruction set", assay::gemv_target());
  benchmark::AddCustomContext("instruction set of packed products", assay::packed_target());
  benchmark::AddCustomContext("threads", std::to_string(at::get_num_threads()));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
