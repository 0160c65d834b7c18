#include "harness/stats/bootstrap.h"

#include <stdexcept>
#include <vector>

#include "harness/base/python_random.h"

namespace assay {

Interval bootstrap_interval(std::span<const double> values, const Statistic& statistic,
                            int resamples, std::uint64_t seed, double confidence) {
  if (values.empty() || resamples < 1 || !(confidence > 0 && confidence < 1)) {
    throw std::invalid_argument("bootstrap: no values, no resamples or confidence outside (0, 1)");
  }
  PythonRandom random(seed);
  const auto last = static_cast<std::int64_t>(values.size()) - 1;
  std::vector<double> draw(values.size());
  std::vector<double> statistics(static_cast<std::size_t>(resamples));
  for (double& result : statistics) {
    for (double& value : draw) value = values[static_cast<std::size_t>(random.randint(0, last))];
    result = statistic(draw);
  }
  const double tail = (1 - confidence) / 2;
  return {quantile(statistics, tail), quantile(statistics, 1 - tail)};
}

}  // namespace assay
