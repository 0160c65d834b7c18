#include "harness/runner/durations.h"

#include <algorithm>

#include "harness/base/text.h"

namespace assay {
namespace {

/// One process of another method, or processes of another model, say no more than the order.
constexpr double kDoubt = 2;

std::string joined(const std::vector<std::string>& parts) { return join(parts, "\x1f"); }

std::string question(const ProcessKind& kind) {
  return joined({kind.pass, kind.model, kind.suite, kind.profile});
}

SecondsRange widened(const SecondsRange& range) {
  return {range.low / kDoubt, range.high * kDoubt};
}

}  // namespace

std::string with_params(const std::string& name, const std::string& params) {
  return joined({name, params});
}

Durations::Durations(const std::vector<ProcessSpan>& earlier) {
  for (const ProcessSpan& span : earlier) {
    const std::string suite = span.pass == "fit" ? "" : with_params(span.suite, span.suite_params);
    take({span.pass, with_params(span.method, span.params), span.model, suite, span.profile},
         {{span.shortest, span.longest}, static_cast<std::size_t>(span.processes)});
  }
}

void Durations::add(const ProcessKind& kind, double seconds) {
  take(kind, {{seconds, seconds}, 1});
}

void Durations::take(const ProcessKind& kind, const Seen& seen) {
  const auto into = [&](Seen& all) {
    all.range.low = all.count == 0 ? seen.range.low : std::min(all.range.low, seen.range.low);
    all.range.high = std::max(all.range.high, seen.range.high);
    all.count += seen.count;
  };
  into(same_[joined({question(kind), kind.method})]);
  into(other_methods_[question(kind)]);
  into(passes_[kind.pass]);
}

std::optional<SecondsRange> Durations::expected(const ProcessKind& kind) const {
  if (const auto found = same_.find(joined({question(kind), kind.method})); found != same_.end()) {
    return found->second.range;
  }
  if (const auto found = other_methods_.find(question(kind)); found != other_methods_.end()) {
    const Seen& seen = found->second;
    return seen.count == 1 ? widened(seen.range) : seen.range;
  }
  const auto found = passes_.find(kind.pass);
  return found == passes_.end() ? std::nullopt : std::optional(widened(found->second.range));
}

}  // namespace assay
