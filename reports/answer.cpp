#include "reports/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "harness/base/dense_method.h"
#include "harness/base/text.h"
#include "reports/best.h"
#include "reports/cell_text.h"
#include "reports/front_verdicts.h"
#include "reports/numbers.h"

namespace assay {
namespace {

/// Names in one list, and models on profiles that are spoken of: a sentence is to be read.
constexpr std::size_t kMostNamed = 6;
constexpr std::size_t kMostBenches = 3;
/// A first picture with more points than this shows nothing at a glance; the sections have it.
constexpr std::size_t kMostPoints = 40;
/// Beyond so many each is compared with too many others to tell much, and for too long.
constexpr std::size_t kMostCandidates = 200;

/// "a, b and c"; what is beyond the most is counted.
std::string listed(std::vector<std::string> names) {
  if (names.size() > kMostNamed) {
    const std::size_t more = names.size() - kMostNamed + 1;
    names.resize(kMostNamed - 1);
    names.push_back(fmt::format("{} more", more));
  }
  return enumerated(std::move(names));
}

/// What could not be told: names by what they are not told apart from, in which value.
class Unknown {
 public:
  void add(const std::string& name, const std::string& from, const std::string& value) {
    const auto& [first, second] = std::minmax(name, from);
    if (!seen_.insert({first, second, value}).second) return;
    auto& names = by_rival_[{from, value}];
    if (names.empty()) order_.emplace_back(from, value);
    names.push_back(name);
  }
  void add_gap(const std::string& name, const std::string& status) {
    const std::string text = fmt::format("{} ({})", name, status);
    if (std::ranges::find(gaps_, text) == gaps_.end()) gaps_.push_back(text);
  }
  /// "" when all could be told.
  [[nodiscard]] std::string sentence() const {
    std::vector<std::string> parts;
    for (const auto& [from, value] : order_) {
      parts.push_back(
          fmt::format("{} from {} in {}", listed(by_rival_.at({from, value})), from, value));
    }
    std::string text;
    if (!parts.empty()) text = "Not told apart: " + join(parts, "; ") + ".";
    if (gaps_.empty()) return text;
    return text + (text.empty() ? "" : " ") + "Without a value: " + listed(gaps_) + ".";
  }

 private:
  std::map<std::pair<std::string, std::string>, std::vector<std::string>> by_rival_;
  std::vector<std::pair<std::string, std::string>> order_;
  std::set<std::tuple<std::string, std::string, std::string>> seen_;
  std::vector<std::string> gaps_;
};

/// A value that the sentences are about.
struct Theme {
  BenchMetric metric;
  std::string name;   ///< "news-ppl perplexity", "weights"
  std::string brief;  ///< "perplexity", "weights"
};

/// Everything about one model on one profile, of one seed.
struct Scene {
  const SectionInput& input;
  const Bench& bench;
  std::string start;  ///< of each sentence: which bench, which seed, "" where there is one
};

std::optional<Theme> first_theme(const Bench& bench, bool (*wanted)(const ResultRow&)) {
  for (BenchMetric& metric : bench_metrics(bench, wanted)) {
    if (metric.values.size() < 2) continue;
    Theme theme{{}, metric.name, metric_name("", *metric.any)};
    theme.metric = std::move(metric);
    return theme;
  }
  return std::nullopt;
}

/// Of the suite that the quality is of: a model is as large in one as in the other.
std::optional<Theme> size_theme(const Bench& bench, const Theme& quality) {
  for (BenchMetric& size : size_metrics(bench)) {
    if (size.suite == quality.metric.suite) return Theme{std::move(size), "weights", "weights"};
  }
  return std::nullopt;
}

std::vector<Candidate> candidates_of(const Bench& bench, const Theme& quality, const Theme& other) {
  std::vector<Candidate> candidates;
  for (const Arm& arm : bench.arms) {
    const Candidate candidate{&arm, row_in(arm, quality.metric), row_in(arm, other.metric)};
    if (candidate.quality != nullptr && candidate.other != nullptr) candidates.push_back(candidate);
  }
  return candidates;
}

/// The method's name, marked with what is said beside the values.
std::string marked_name(const Arm& arm, const std::vector<const ResultRow*>& rows, Notes& notes) {
  TableCell cell;
  for (const ResultRow* row : rows) notes.add_remarks(cell, *row);
  return arm.label + notes_text(cell);
}

/// "weights 0.28x", "perplexity 29.41, not told apart from dense".
std::string value_text(const Scene& scene, const ResultRow& row, const std::string& name) {
  const auto ratio = row.method == kDense ? std::nullopt : ratio_to_dense(row, scene.input.cells);
  if (!ratio) {
    const NumberStyle style = style_for(row.unit, {*row.value});
    const std::string number = number_text(*row.value / style.divisor);
    return fmt::format("{} {}{}{}", name, number, style.unit.empty() ? "" : " ", style.unit);
  }
  return fmt::format("{} {}{}", name, ratio_text(ratio->value),
                     ratio->is_open() ? ", not told apart from dense" : "");
}

std::string named(const Scene& scene, const Candidate& candidate, const Theme& quality,
                  const Theme& other) {
  return fmt::format(
      "{} ({}; {})",
      marked_name(*candidate.arm, {candidate.other, candidate.quality}, scene.input.notes),
      value_text(scene, *candidate.other, other.brief),
      value_text(scene, *candidate.quality, quality.brief));
}

/// Candidates in order of the other value, the best first.
std::vector<std::size_t> ordered(const std::vector<Candidate>& candidates) {
  std::vector<std::size_t> order(candidates.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    const int direction = candidates[a].other->direction;
    return direction * *candidates[a].other->value > direction * *candidates[b].other->value;
  });
  return order;
}

/// One sentence about a front; what is undecided goes to `unknown`. "" without two candidates.
std::string front_sentence(const Scene& scene, const std::string& start, const Theme& quality,
                           const Theme& other, Unknown& unknown) {
  const std::vector<Candidate> candidates = candidates_of(scene.bench, quality, other);
  if (candidates.size() < 2 || candidates.size() > kMostCandidates) return "";
  const auto verdicts = front_verdicts(candidates, scene.input.cells.evidence());
  std::vector<std::string> names;
  bool open = false;
  for (const std::size_t i : ordered(candidates)) {
    const FrontVerdict& verdict = verdicts[i];
    if (verdict.standing == Standing::kOnFront) {
      names.push_back(named(scene, candidates[i], quality, other));
    } else if (verdict.standing == Standing::kUndecided) {
      open = true;
      unknown.add(candidates[i].arm->label, candidates[verdict.doubt->rival].arm->label,
                  verdict.doubt->in_quality ? quality.name : other.name);
    }
  }
  if (names.empty() && !open) return "";
  return fmt::format("{}{}: {}.", scene.start, start,
                     names.empty() ? "none could be told" : listed(std::move(names)));
}

/// What is not told apart from dense, and what has no value.
void add_unknown(const Scene& scene, const Theme& theme, Unknown& unknown) {
  for (const ArmValue& value : theme.metric.values) {
    if (value.arm->dense()) continue;
    const auto ratio = ratio_to_dense(*value.row, scene.input.cells);
    if (ratio && ratio->is_open()) unknown.add(value.arm->label, kDense, theme.name);
  }
  for (const ArmValue& gap : theme.metric.gaps) {
    if (gap.row->status != "OK") unknown.add_gap(gap.arm->label, gap.row->status);
  }
}

/// Where there is no quality: the fastest, and what is not told apart from it.
std::string fastest_sentence(const Scene& scene, const Theme& speed) {
  std::vector<Contender> contenders;
  std::vector<const Arm*> arms;
  for (const ArmValue& value : speed.metric.values) {
    if (value.arm->dense()) continue;
    contenders.push_back({value.row, ""});
    arms.push_back(value.arm);
  }
  const auto best = best_of(contenders, scene.input.cells.evidence());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    if (!best[i].value_or(false)) continue;
    const ResultRow& row = *contenders[i].row;
    names.push_back(fmt::format("{} ({})", marked_name(*arms[i], {&row}, scene.input.notes),
                                value_text(scene, row, speed.brief)));
  }
  if (names.empty()) return "";
  const bool several = names.size() > 1;
  return fmt::format("{}Fastest of the methods ({}){}: {}.", scene.start, speed.name,
                     several ? ", or not told apart from the fastest" : "",
                     listed(std::move(names)));
}

void add_front(Section& section, const Scene& scene, const Theme& quality, const Theme& other) {
  if (candidates_of(scene.bench, quality, other).size() > kMostPoints) return;
  Plot plot = front_plot(scene.input, scene.bench, quality.metric, other.metric);
  if (points_in(plot) < 2) return;
  plot.caption = "Bars are 95 % intervals. " + front_caption();
  section.plots.push_back(std::move(plot));
}

void add_if(std::vector<std::string>& sentences, std::string sentence) {
  if (!sentence.empty()) sentences.push_back(std::move(sentence));
}

/// "Best news-ppl perplexity (the first of 3 qualities)".
std::string quality_start(const Bench& bench, const Theme& quality) {
  const std::size_t all = bench_metrics(bench, is_quality).size();
  if (all < 2) return quality.name;
  return fmt::format("{} (the first of {} qualities)", quality.name, all);
}

void add_scene(Section& section, const Scene& scene) {
  const auto speed = first_theme(scene.bench, is_speed);
  const auto quality =
      scene.bench.random_weights ? std::nullopt : first_theme(scene.bench, is_quality);
  const auto size = quality ? size_theme(scene.bench, *quality) : std::nullopt;
  Unknown unknown;
  std::vector<std::string> sentences;
  if (size) {
    const std::string start =
        fmt::format("Best {} at its size", quality_start(scene.bench, *quality));
    add_if(sentences, front_sentence(scene, start, *quality, *size, unknown));
  }
  if (quality && speed) {
    const std::string start = fmt::format("Fastest ({}) at its {}", speed->name, quality->name);
    add_if(sentences, front_sentence(scene, start, *quality, *speed, unknown));
    add_front(section, scene, *quality, *speed);
  }
  if (size) add_front(section, scene, *quality, *size);
  if (!quality && speed) add_if(sentences, fastest_sentence(scene, *speed));
  if (sentences.empty()) return;
  if (quality) add_unknown(scene, *quality, unknown);
  if (speed) add_unknown(scene, *speed, unknown);
  const std::string open = unknown.sentence();
  if (!open.empty()) sentences.push_back(scene.start + open);
  section.text.insert(section.text.end(), sentences.begin(), sentences.end());
}

/// The arms of the first seed, and how many seeds there are.
std::pair<Bench, std::size_t> of_first_seed(Bench bench) {
  std::set<std::int64_t> seeds;
  for (const Arm& arm : bench.arms) seeds.insert(arm.first->seed);
  const std::int64_t first = bench.arms.front().first->seed;
  std::erase_if(bench.arms, [&](const Arm& arm) { return arm.first->seed != first; });
  return {std::move(bench), seeds.size()};
}

}  // namespace

Section answer_section(const SectionInput& input) {
  Section section{"in-short", "In short", {}, {}, {}};
  std::size_t measured = 0;
  const auto& benches = input.cells.benches();
  for (const Bench& whole : benches) {
    if (whole.imported || ++measured > kMostBenches) continue;
    const auto [bench, seeds] = of_first_seed(whole);
    std::string start = benches.size() > 1 ? bench.title + ": " : "";
    if (seeds > 1) {
      start += fmt::format("seed {} of {} seeds: ", bench.arms.front().first->seed, seeds);
    }
    add_scene(section, {input, bench, start});
  }
  if (measured > kMostBenches && !section.text.empty()) {
    section.text.push_back(
        fmt::format("{} more models or profiles are in the tables only.", measured - kMostBenches));
  }
  return section;
}

}  // namespace assay
