#pragma once
// Made-up results for the tests of reports: usual ones, hostile names, nothing but failures.

#include <limits>
#include <string>
#include <vector>

#include "reports/document.h"
#include "reports/format.h"

namespace assay {

inline ResultRow row(const std::string& method, const std::string& params, const std::string& suite,
                     const std::string& metric, double value, double twin) {
  ResultRow result;
  result.experiment = "pruning";
  result.model = "smollm2-135m";
  result.method = method;
  result.params = params;
  result.suite = suite;
  result.suite_params = "{}";
  result.metric = metric;
  result.profile = "cpu";
  result.status = "OK";
  result.value = value;
  result.n = 20;
  if (twin != 0) {
    result.twin_value = twin;
    result.ratio = value / twin;
  }
  result.cell_key = method + suite;
  return result;
}

inline ResultRow with_interval(ResultRow result, double lo, double hi) {
  result.lo = lo;
  result.hi = hi;
  return result;
}

inline ResultRow with_meaning(ResultRow result, const std::string& unit, int direction) {
  result.unit = unit;
  result.direction = direction;
  return result;
}

inline ResultRow failed(const std::string& method, const std::string& params,
                        const std::string& suite, const std::string& status,
                        const std::string& reason) {
  ResultRow result = row(method, params, suite, "", 0, 0);
  result.value.reset();
  result.status = status;
  result.reason = reason;
  result.n = 0;
  return result;
}

inline constexpr const char* kHalf =
    R"({"calibration":{"tokens":512},"pattern":"unstructured","sparsity":0.5})";
inline constexpr const char* kMost =
    R"({"calibration":{"tokens":512},"pattern":"unstructured","sparsity":0.7})";
inline constexpr const char* kPattern =
    R"({"calibration":{"tokens":512},"pattern":"2:4","sparsity":0.5})";

inline void add_method(std::vector<ResultRow>& rows, const std::string& method,
                       const std::string& params, double factor) {
  const double ppl = 17.843 * factor;
  ResultRow quality =
      with_meaning(row(method, params, "news-ppl", "token_ppl", ppl, 17.843), "", -1);
  rows.push_back(with_interval(quality, ppl - 0.61, ppl + 0.62));
  rows.back().limited = true;
  ResultRow speed = with_meaning(
      row(method, params, "decode", "decode/tokens_per_s", 30.2 / factor, 30.2), "tokens/s", 1);
  rows.push_back(with_interval(speed, 29.0 / factor, 30.5 / factor));
  rows.push_back(with_meaning(
      row(method, params, "decode", "decode/token_latency", 0.0331 * factor, 0.0331), "s", -1));
  rows.push_back(with_meaning(row(method, params, "decode", "unlisted/metric", 5.0, 5.0), "B", 0));
  if (method == "dense") return;
  rows.push_back(
      with_meaning(row(method, params, "news-ppl", "fit/seconds", 12.5 * factor, 0), "s", -1));
  rows.push_back(row(method, params, "news-ppl", "achieved_sparsity", 0.5, 0));
}

inline ExperimentResults usual() {
  ExperimentResults results;
  results.name = "pruning";
  results.config = {{"title", "One-shot pruning"}};
  add_method(results.rows, "dense", "{}", 1.0);
  add_method(results.rows, "wanda", kHalf, 1.31);
  add_method(results.rows, "wanda", kMost, 9.07);
  add_method(results.rows, "wanda", kPattern, 1.62);
  for (const char* suite : {"news-ppl", "decode"}) {
    results.rows.push_back(
        failed("tardis", "{}", suite, "UNMET", "needs ffn.gated == false; is true"));
  }
  results.rows.push_back(failed("ria", kHalf, "news-ppl", "OOM", "limit 2 GiB"));
  results.rows.push_back(failed("ria", kHalf, "decode", "CRASHED", "signal SIGSEGV"));
  for (const char* threads : {"2", "1"}) {
    results.environments.push_back(
        {{"cpu", {{"model", "Some CPU @ 2 GHz"}}},
         {"torch", {{"threads", Json::parse(threads)}, {"version", "2.11.0"}}},
         {"time", "2026-01-01T00:00:00Z"}});
  }
  return results;
}

inline ExperimentResults hostile() {
  const std::string name =
      "a|b\"c',d\ne\\f`g*h_<i>\x1b[31m🧪é漢אבג\xff\u202e_end</script>{\\input x}$&%#^~";
  ExperimentResults results;
  results.name = name;
  results.config = {{"title", name}};
  ResultRow bad = row(name, R"({"p|q":"x,\"y\"\n"})", name, name, 1.0, 0.0);
  bad.experiment = bad.model = bad.profile = bad.cell_key = name;
  results.rows.push_back(bad);
  bad.params = R"({"p|q":"other"})";
  bad.value = std::numeric_limits<double>::infinity();
  results.rows.push_back(bad);
  bad.params = "not json";
  bad.status = "INVALID";
  bad.reason = name;
  bad.value.reset();
  results.rows.push_back(bad);
  return results;
}

/// One value and nothing to compare it with.
inline ExperimentResults one_row() {
  ExperimentResults results;
  results.name = "one";
  results.rows.push_back(usual().rows.front());
  return results;
}

inline ExperimentResults all_failed() {
  ExperimentResults results;
  results.name = "failed";
  ResultRow gone = failed("dense", "{}", "decode", "TIMEOUT", "60 s");
  gone.random_weights = true;
  results.rows.push_back(gone);
  gone = failed("wanda", kHalf, "decode", "TIMEOUT", "60 s");
  gone.random_weights = true;
  results.rows.push_back(gone);
  return results;
}

/// All formats, as the program has them.
inline std::string render(const ExperimentResults& results, const std::string& format,
                          const RenderOptions& options = {}) {
  FormatRegistry registry;
  register_report_formats(registry);
  const Format& made = registry.get(format);
  return made.render({make_document(results, made.long_report ? Detail::kAll : Detail::kTables)},
                     options);
}

inline const Section* find(const Document& document, const std::string& id) {
  for (const Section& section : document.sections) {
    if (section.id == id) return &section;
  }
  return nullptr;
}

inline Document document_of(const ExperimentResults& results) {
  return make_document(results, Detail::kAll);
}

}  // namespace assay
