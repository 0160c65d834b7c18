// assay's side of scripts/bench_peers: loads a model once, then runs a suite each time a line comes
// in on standard input, and answers with one JSON line. The other sides speak the same protocol, so
// that rounds of both can alternate while nothing is loaded inside the timed part.

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include "harness/base/clock.h"
#include "harness/measure/torch_environment.h"
#include "harness/model/model.h"
#include "harness/suite/suite.h"

namespace assay {
namespace {

struct Options {
  std::string model, dtype = "fp32", suite, data, params = "{}";
  int threads = 1;
};

/// Keeps what one run of a suite emits.
class Round final : public SuiteContext {
 public:
  Round(const Model& model, std::filesystem::path data) : model_(model), data_(std::move(data)) {}
  const Model& model() override { return model_; }
  const Model& dense_twin() override { return model_; }
  const std::filesystem::path& data() const override { return data_; }
  std::uint64_t seed() const override { return 0; }
  void emit(const MetricValue& value) override {
    metrics_[value.tag] = value.value ? Json(*value.value) : Json();
  }
  void emit_items(const std::vector<ItemScore>& items) override {
    items_ += static_cast<std::int64_t>(items.size());
  }
  void emit_samples(const std::vector<Sample>& samples) override {
    for (const Sample& sample : samples) {
      if (!sample.warmup) samples_[sample.tag].push_back(sample.value);
    }
  }
  void progress(std::int64_t, std::int64_t, const std::string&) override {}
  // Only time counts here: what a cell of a run also checks and meters is left out.
  void watch(StepObserver*) override {}
  void remark(const std::string&, const std::string&) override {}
  void require_same(const at::Tensor&, const at::Tensor&, const std::string&,
                    const std::function<at::Tensor()>&) override {}
  bool decides() override { return false; }
  void meter(const std::function<void()>&, double) override {}

  [[nodiscard]] Json answer(double seconds) const {
    return {{"seconds", seconds}, {"items", items_}, {"metrics", metrics_}, {"samples", samples_}};
  }

 private:
  const Model& model_;
  std::filesystem::path data_;
  std::int64_t items_ = 0;
  std::map<std::string, Json> metrics_;
  std::map<std::string, std::vector<double>> samples_;
};

Options parse(int argc, char** argv) {
  CLI::App app("Runs one suite on one loaded model, once for each line of standard input");
  Options options;
  app.add_option("--model", options.model, "Model directory")->required();
  app.add_option("--dtype", options.dtype, "fp32 or bf16");
  app.add_option("--threads", options.threads, "Threads of one operation");
  app.add_option("--suite", options.suite, "Kind of suite")->required();
  app.add_option("--data", options.data, "Folder of prepared data");
  app.add_option("--params", options.params, "Parameters of the suite, a JSON object");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

void serve(const Options& options) {
  use_threads(options.threads);
  SuiteRegistry registry;
  register_builtin_suites(registry);
  const SuiteKind& kind = registry.get(options.suite);
  const Params params(kind.info().params, Json::parse(options.params));
  LoadOptions load;
  load.dtype = dtype_from_name(options.dtype);
  const Model model = Model::load(options.model, load);
  std::cout << Json{{"ready", true}}.dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    Round round(model, options.data);
    const double start = monotonic_seconds();
    kind.run(round, params);
    std::cout << round.answer(monotonic_seconds() - start).dump() << std::endl;
  }
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  try {
    assay::serve(assay::parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "peer_rounds: " << error.what() << '\n';
    return 1;
  }
}
