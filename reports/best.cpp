#include "reports/best.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace assay {
namespace {

constexpr double kLevel = 0.05;

bool counts(const Contender& contender) {
  const ResultRow& row = *contender.row;
  return row.direction != 0 && row.status == "OK" && row.value && std::isfinite(*row.value);
}

double merit(const ResultRow& row) { return row.direction * *row.value; }

std::string family_of(const ResultRow& row) {
  return fmt::format("{1}{0}{2}{0}{3}{0}{4}{0}{5}{0}{6}{0}{7}{0}{8}", '\x1f', row.experiment,
                     row.model, row.profile, row.suite, row.suite_params, row.seed, row.metric,
                     row.convention);
}

}  // namespace

double shared_confidence(std::size_t comparisons) {
  return 1 - 2 * kLevel / static_cast<double>(comparisons);
}

std::vector<std::optional<bool>> best_of(const std::vector<Contender>& contenders,
                                         const Evidence& evidence) {
  std::map<std::string, std::vector<std::size_t>> families;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    if (counts(contenders[i])) families[contenders[i].family].push_back(i);
  }
  std::vector<std::optional<bool>> result(contenders.size());
  for (const auto& [family, members] : families) {
    if (members.size() < 2) continue;
    const auto less = [&](std::size_t a, std::size_t b) {
      return merit(*contenders[a].row) < merit(*contenders[b].row);
    };
    const ResultRow& best = *contenders[*std::ranges::max_element(members, less)].row;
    const bool known = std::ranges::any_of(members, [&](std::size_t i) {
      return contenders[i].row != &best && evidence.comparable(*contenders[i].row, best);
    });
    if (!known) continue;
    const double confidence = shared_confidence(members.size() - 1);
    for (const std::size_t i : members) {
      result[i] = !evidence.apart(*contenders[i].row, best, confidence);
    }
  }
  return result;
}

std::string best_legend() {
  return "not told apart from the best of the methods, all else being the same, dense left out "
         "(by pairs of processes or items, else by 95 % intervals that overlap; the truly best is "
         "among them in 95 % of tables).";
}

std::string ranges_legend() {
  return "Ranges: 95 % intervals; of times, for the level of the session, not of another hour. "
         "0.50x: ratio to the dense model on the same machine.";
}

std::optional<bool> apart_from_dense(const ResultRow& row, const Cells& cells) {
  const ResultRow* twin = cells.twin(row);
  if (twin == nullptr || row.twin_value != twin->value) return std::nullopt;
  const bool intervals = row.lo && row.hi && twin->lo && twin->hi;
  if (!intervals && !cells.evidence().ratio(row, *twin)) return std::nullopt;
  return cells.evidence().apart(row, *twin);
}

std::vector<std::optional<bool>> best_records(const std::vector<ResultRow>& rows,
                                              const Evidence& evidence) {
  std::vector<Contender> contenders;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].direction == 0 || rows[i].method == "dense" || !rows[i].value) continue;
    contenders.push_back({&rows[i], family_of(rows[i])});
    places.push_back(i);
  }
  std::vector<std::optional<bool>> result(rows.size());
  const auto best = best_of(contenders, evidence);
  for (std::size_t i = 0; i < places.size(); ++i) result[places[i]] = best[i];
  return result;
}

}  // namespace assay
