#include "methods/ffsplit/sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "methods/ffsplit/scores.h"

namespace assay::ffsplit {
namespace {

/// Of the matrices between x and `neurons` neurons, without biases.
Size matrices_size(const FfnShape& shape, const PartSettings& part, std::int64_t neurons) {
  const std::int64_t matrices = shape.entries() + 1;
  if (is_quantizer(part.compressor)) {
    return {matrices * neurons * shape.width,
            shape.entries() * packed_bytes(neurons, shape.width, part.quantize) +
                packed_bytes(shape.width, neurons, part.quantize)};
  }
  const std::int64_t each = factorises(shape, part, neurons) ? part.rank * (shape.width + neurons)
                                                             : shape.width * neurons;
  return {matrices * each, matrices * each * shape.element_size};
}

class Solver {
 public:
  Solver(const Settings& settings, const FfnShape& shape, std::vector<std::int64_t> heavy,
         const Size& rest)
      : settings_(settings), shape_(shape), rest_(rest), plan_{std::move(heavy), settings.parts} {
    Size dense = rest;
    for (std::size_t i = 0; i < plan_.heavy.size(); ++i) dense += dense_size(shape);
    whole_ = dense.in(settings.denominator);
    budget_ = static_cast<std::int64_t>(
        std::floor((1 - settings.target) * static_cast<double>(whole_) + 1e-6));
  }

  Sizing run() {
    if (!has_part_two()) return {plan_, ""};
    if (settings_.solve_p) return solve_p();
    if (settings_.solves_rank()) return solve_rank();
    return check_rank();
  }

 private:
  [[nodiscard]] bool has_part_two() const {
    return std::any_of(plan_.heavy.begin(), plan_.heavy.end(),
                       [&](std::int64_t heavy) { return heavy < shape_.neurons; });
  }
  [[nodiscard]] bool uniform() const { return !settings_.global; }

  [[nodiscard]] std::int64_t total() const {
    Size size = rest_;
    if (uniform()) {
      const Size each = split_size(shape_, plan_.parts, plan_.heavy.front());
      const auto layers = static_cast<std::int64_t>(plan_.heavy.size());
      size += {layers * each.params, layers * each.bytes};
      return size.in(settings_.denominator);
    }
    for (const std::int64_t heavy : plan_.heavy) size += split_size(shape_, plan_.parts, heavy);
    return size.in(settings_.denominator);
  }
  [[nodiscard]] bool fits() const { return total() <= budget_; }

  [[nodiscard]] std::int64_t most_neurons() const {
    return shape_.neurons - *std::min_element(plan_.heavy.begin(), plan_.heavy.end());
  }

  Sizing solve_rank() {
    const std::int64_t most = largest_saving_rank(shape_, most_neurons()) / settings_.align;
    for (std::int64_t steps = most; steps > 0; --steps) {
      plan_.parts[1].rank = steps * settings_.align;
      if (!fits()) continue;
      give_slack();
      return {plan_, ""};
    }
    plan_.parts[1].rank = settings_.align;
    if (most == 0) {
      return {plan_, fmt::format("no rank that is a multiple of align = {} saves anything; with "
                                 "align = 1 ranks up to {} do",
                                 settings_.align, largest_saving_rank(shape_, most_neurons()))};
    }
    return {plan_, infeasible(fmt::format("at rank {}", settings_.align))};
  }

  /// More heavy hitters as long as the target is met.
  void give_slack() {
    const bool split = plan_.heavy.front() > 0 && plan_.heavy.front() < shape_.neurons;
    if (!settings_.slack_to_heavy || !uniform() || !split) return;
    while (plan_.heavy.front() + settings_.align < shape_.neurons) {
      add_heavy(settings_.align);
      if (fits() && factorises(shape_, plan_.parts[1], most_neurons())) continue;
      add_heavy(-settings_.align);
      return;
    }
  }
  void add_heavy(std::int64_t change) {
    for (std::int64_t& heavy : plan_.heavy) heavy += change;
  }

  Sizing solve_p() {
    const auto set = [&](std::int64_t heavy) {
      std::fill(plan_.heavy.begin(), plan_.heavy.end(), heavy);
    };
    const std::int64_t last = (shape_.neurons - 1) / settings_.align * settings_.align;
    for (std::int64_t heavy = last; heavy > 0; heavy -= settings_.align) {
      set(heavy);
      if (fits()) return {plan_, ""};
    }
    set(settings_.align);
    return {plan_, infeasible(fmt::format("with {} heavy hitters a layer", settings_.align))};
  }

  Sizing check_rank() {
    const std::int64_t neurons = most_neurons();
    const PartSettings& part = plan_.parts[1];
    if (!is_low_rank(part.compressor) || factorises(shape_, part, neurons)) return {plan_, ""};
    return {plan_,
            fmt::format("rank_2 = {} saves nothing on {} neurons of width {}: at most {} does",
                        part.rank, neurons, shape_.width, largest_saving_rank(shape_, neurons))};
  }

  [[nodiscard]] std::string infeasible(const std::string& how) const {
    const double nearest = 1 - static_cast<double>(total()) / static_cast<double>(whole_);
    const std::string hint =
        nearest > 0 ? fmt::format("the nearest feasible target is {:.4f} ({})",
                                  std::floor(nearest * 1e4) / 1e4, how)
                    : "with these compressors none is feasible; choose stronger ones, or another "
                      "denominator";
    return fmt::format("target = {} of {} cannot be met with p = {}: {}", settings_.target,
                       denominator_name(settings_.denominator), settings_.p, hint);
  }

  const Settings& settings_;
  const FfnShape& shape_;
  Size rest_;
  Plan plan_;
  std::int64_t whole_ = 0, budget_ = 0;
};

}  // namespace

Size& Size::operator+=(const Size& other) {
  params += other.params;
  bytes += other.bytes;
  return *this;
}

std::int64_t Size::in(Denominator denominator) const {
  const bool counts_params =
      denominator == Denominator::kFfnParams || denominator == Denominator::kModelParams;
  return counts_params ? params : bytes;
}

std::int64_t largest_saving_rank(const FfnShape& shape, std::int64_t neurons) {
  const std::int64_t whole = shape.width * neurons;
  return whole == 0 ? 0 : (whole - 1) / (shape.width + neurons);
}

bool factorises(const FfnShape& shape, const PartSettings& part, std::int64_t neurons) {
  return is_low_rank(part.compressor) && part.rank <= largest_saving_rank(shape, neurons);
}

Size dense_size(const FfnShape& shape) {
  const std::int64_t biases = shape.bias ? shape.entries() * shape.neurons + shape.width : 0;
  const std::int64_t params = (shape.entries() + 1) * shape.width * shape.neurons + biases;
  return {params, params * shape.element_size};
}

Size split_size(const FfnShape& shape, const std::array<PartSettings, 2>& parts,
                std::int64_t heavy) {
  const std::int64_t biases = shape.bias ? shape.entries() * shape.neurons + shape.width : 0;
  Size size{biases, biases * shape.element_size};
  if (heavy > 0) size += matrices_size(shape, parts[0], heavy);
  if (heavy < shape.neurons) size += matrices_size(shape, parts[1], shape.neurons - heavy);
  return size;
}

Sizing solve(const Settings& settings, const FfnShape& shape, std::vector<std::int64_t> heavy,
             const Size& rest) {
  const std::int64_t largest = *std::max_element(heavy.begin(), heavy.end());
  const PartSettings& first = settings.parts[0];
  if (largest > 0 && is_low_rank(first.compressor) && !factorises(shape, first, largest)) {
    return {{},
            fmt::format("rank_1 = {} saves nothing on {} neurons of width {}: at most {} does",
                        first.rank, largest, shape.width, largest_saving_rank(shape, largest))};
  }
  return Solver(settings, shape, std::move(heavy), rest).run();
}

UniformCounts uniform_counts(const Settings& settings, const FfnShape& shape, std::int64_t layers) {
  const std::int64_t count =
      aligned_count(settings.p * static_cast<double>(shape.neurons), shape.neurons, settings.align);
  UniformCounts counts{std::vector<std::int64_t>(static_cast<std::size_t>(layers), count), ""};
  const bool open = settings.p > 0 && settings.p < 1 && !settings.solve_p;
  if (open && (count == 0 || count == shape.neurons)) {
    counts.problem = fmt::format(
        "p = {} leaves {} of {} neurons as heavy hitters (align = {}), so one part is empty; a "
        "split needs between {} and {}; say p = 0 or p = 1 if you want no split",
        settings.p, count, shape.neurons, settings.align, settings.align,
        (shape.neurons - 1) / settings.align * settings.align);
  }
  return counts;
}

}  // namespace assay::ffsplit
