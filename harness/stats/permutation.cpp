#include "harness/stats/permutation.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "harness/base/python_random.h"
#include "harness/stats/preconditions.h"

namespace assay {
namespace {

/// Arrangements at least as large and at least as small as the observed one.
struct Hits {
  std::int64_t greater = 0, less = 0, total = 0;

  void count(double value, double observed) {
    if (value >= observed - kTie) ++greater;
    if (value <= observed + kTie) ++less;
    ++total;
  }
  /// `extra`: the observed arrangement, where random draws do not hold it.
  [[nodiscard]] double p(Alternative alternative, int extra) const {
    const auto share = [&](std::int64_t hits) {
      return static_cast<double>(hits + extra) / static_cast<double>(total + extra);
    };
    if (alternative == Alternative::kGreater) return share(greater);
    if (alternative == Alternative::kLess) return share(less);
    return std::min(1.0, 2 * std::min(share(greater), share(less)));
  }
};

/// Sums of all 2^n choices of signs.
std::vector<double> signed_sums(std::span<const double> values) {
  std::vector<double> sums{0.0};
  for (const double value : values) {
    const std::size_t half = sums.size();
    sums.resize(2 * half);
    for (std::size_t i = 0; i < half; ++i) {
      sums[half + i] = sums[i] - value;
      sums[i] += value;
    }
  }
  return sums;
}

Hits exact_flips(std::span<const double> values, double observed, double count) {
  const std::size_t half = values.size() / 2;
  const std::vector<double> low = signed_sums(values.first(half));
  const std::vector<double> high = signed_sums(values.subspan(half));
  Hits hits;
  for (const double a : low) {
    for (const double b : high) hits.count((a + b) / count, observed);
  }
  return hits;
}

Hits random_flips(std::span<const double> values, double observed, double count,
                  const PermutationLimits& limits) {
  PythonRandom random(limits.seed);
  Hits hits;
  for (std::int64_t draw = 0; draw < limits.draws; ++draw) {
    double sum = 0;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (i % 32 == 0) bits = random.next_u32();
      sum += (bits >> (i % 32) & 1U) != 0 ? -values[i] : values[i];
    }
    hits.count(sum / count, observed);
  }
  return hits;
}

double least_p(double one_sided, Alternative alternative) {
  return std::min(1.0, alternative == Alternative::kTwoSided ? 2 * one_sided : one_sided);
}

/// `values` change sign one by one; `count` differences are behind them.
TestResult flip_test(std::span<const double> values, double count, const std::string& name,
                     Alternative alternative, const PermutationLimits& limits) {
  const bool exact = values.size() <= limits.exact_pairs;
  if (!exact && limits.draws < 1) throw std::invalid_argument("permutation test: no draws");
  TestResult result;
  result.statistic = std::accumulate(values.begin(), values.end(), 0.0) / count;
  const Hits hits = exact ? exact_flips(values, result.statistic, count)
                          : random_flips(values, result.statistic, count, limits);
  result.p = hits.p(alternative, exact ? 0 : 1);
  result.variant = name + (exact ? "_exact" : "_mc");
  result.alternative = alternative;
  result.n = values.size();
  result.draws = exact ? 0 : limits.draws;
  result.seed = exact ? 0 : limits.seed;
  result.least_p = least_p(exact ? std::exp2(-static_cast<double>(values.size()))
                                 : 1.0 / static_cast<double>(limits.draws + 1),
                           alternative);
  return result;
}

/// C(n, k) while it is at most `limit`, else limit + 1.
std::int64_t splits(std::size_t n, std::size_t k, std::int64_t limit) {
  double count = 1;
  for (std::size_t i = 1; i <= std::min(k, n - k); ++i) {
    count = count * static_cast<double>(n - i + 1) / static_cast<double>(i);
    if (count > static_cast<double>(limit) + 0.5) return limit + 1;
  }
  return static_cast<std::int64_t>(std::llround(count));
}

/// Two samples whose labels are exchanged.
class Relabelled {
 public:
  Relabelled(std::span<const double> x, std::span<const double> y, const Statistic& statistic)
      : all_(x.begin(), x.end()), first_(x.size()), statistic_(statistic) {
    all_.insert(all_.end(), y.begin(), y.end());
  }
  [[nodiscard]] double difference() const {
    const std::span<const double> all(all_);
    return statistic_(all.first(first_)) - statistic_(all.subspan(first_));
  }
  Hits exact(double observed) {
    const std::vector<double> values = all_;
    std::vector<char> chosen(values.size(), 0);
    std::fill_n(chosen.begin(), first_, 1);
    Hits hits;
    do {
      deal(values, chosen);
      hits.count(difference(), observed);
    } while (std::prev_permutation(chosen.begin(), chosen.end()));
    return hits;
  }
  Hits random(double observed, const PermutationLimits& limits) {
    PythonRandom random(limits.seed);
    const auto last = static_cast<std::int64_t>(all_.size()) - 1;
    Hits hits;
    for (std::int64_t draw = 0; draw < limits.draws; ++draw) {
      for (std::size_t i = 0; i < first_; ++i) {
        const auto other =
            static_cast<std::size_t>(random.randint(static_cast<std::int64_t>(i), last));
        std::swap(all_[i], all_[other]);
      }
      hits.count(difference(), observed);
    }
    return hits;
  }

 private:
  void deal(const std::vector<double>& values, const std::vector<char>& chosen) {
    std::size_t left = 0;
    std::size_t right = first_;
    for (std::size_t i = 0; i < values.size(); ++i) {
      (chosen[i] != 0 ? all_[left++] : all_[right++]) = values[i];
    }
  }
  std::vector<double> all_;
  std::size_t first_;
  const Statistic& statistic_;
};

}  // namespace

TestResult sign_flip_test(std::span<const double> differences, Alternative alternative,
                          const PermutationLimits& limits) {
  require_finite(differences, "permutation test");
  return flip_test(differences, static_cast<double>(differences.size()), "signflip", alternative,
                   limits);
}

TestResult block_flip_test(std::span<const double> differences, std::size_t block,
                           Alternative alternative, const PermutationLimits& limits) {
  require_finite(differences, "permutation test");
  if (block < 1) throw std::invalid_argument("permutation test: blocks hold at least one pair");
  std::vector<double> sums;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    if (i % block == 0) sums.push_back(0);
    sums.back() += differences[i];
  }
  return flip_test(sums, static_cast<double>(differences.size()), "blockflip", alternative, limits);
}

TestResult permutation_test(std::span<const double> x, std::span<const double> y,
                            const Statistic& statistic, Alternative alternative,
                            const PermutationLimits& limits) {
  require_finite(x, "permutation test");
  require_finite(y, "permutation test");
  const std::int64_t count = splits(x.size() + y.size(), x.size(), limits.exact_splits);
  const bool exact = count <= limits.exact_splits;
  if (!exact && limits.draws < 1) throw std::invalid_argument("permutation test: no draws");
  Relabelled samples(x, y, statistic);
  TestResult result;
  result.statistic = samples.difference();
  const Hits hits =
      exact ? samples.exact(result.statistic) : samples.random(result.statistic, limits);
  result.p = hits.p(alternative, exact ? 0 : 1);
  result.variant = exact ? "perm_exact" : "perm_mc";
  result.alternative = alternative;
  result.n = x.size() + y.size();
  result.draws = exact ? 0 : limits.draws;
  result.seed = exact ? 0 : limits.seed;
  result.least_p =
      least_p(1.0 / static_cast<double>(exact ? count : limits.draws + 1), alternative);
  return result;
}

}  // namespace assay
