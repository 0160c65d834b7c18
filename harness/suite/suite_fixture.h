#pragma once
// What the tests of scoring suites share: a small random model, a context that records, and
// prepared folders.

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/model/model.h"
#include "harness/suite/suite.h"

namespace assay {

/// A folder of the test's own, removed at the end.
class ScratchFolder {
 public:
  ScratchFolder() : path_(std::filesystem::temp_directory_path() / ("assay_" + new_name())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  static std::string new_name();
  std::filesystem::path path_;
};

/// Two layers of random weights, vocabulary 101, 40 positions; grouped-query attention and rotary
/// positions, or learned positions.
Model small_model(bool rotary, std::uint64_t seed);

/// A context over two models that keeps what a suite emits.
class RecordingContext : public SuiteContext {
 public:
  RecordingContext(const Model& model, const Model& dense, std::filesystem::path data)
      : model_(&model), dense_(&dense), data_(std::move(data)) {}
  const Model& model() override { return *model_; }
  const Model& dense_twin() override { return *dense_; }
  const std::filesystem::path& data() const override { return data_; }
  std::uint64_t seed() const override { return 0; }
  void watch(StepObserver*) override {}
  void emit(const MetricValue& value) override { metrics[value.tag] = value; }
  void emit_items(const std::vector<ItemScore>& values) override {
    items.insert(items.end(), values.begin(), values.end());
  }
  void emit_samples(const std::vector<Sample>&) override { FAIL() << "no samples in scoring"; }
  void progress(std::int64_t done, std::int64_t total, const std::string&) override {
    EXPECT_LE(done, total);
    last_done = done;
  }
  void remark(const std::string& code, const std::string& text) override {
    remarks.emplace_back(code, text);
  }
  void require_same(const at::Tensor&, const at::Tensor&, const std::string&,
                    const std::function<at::Tensor()>&) override {
    FAIL() << "nothing was timed";
  }
  bool decides() override { return false; }
  void meter(const std::function<void()>&, double) override { FAIL() << "nothing was timed"; }

  std::map<std::string, MetricValue> metrics;
  std::vector<ItemScore> items;
  std::vector<std::pair<std::string, std::string>> remarks;  ///< code, text
  std::int64_t last_done = 0;

 private:
  const Model* model_;
  const Model* dense_;
  std::filesystem::path data_;
};

/// Writes a prepared stream or prepared items with a right manifest.
void write_stream(const std::filesystem::path& folder, const std::vector<std::int32_t>& tokens);
void write_items(const std::filesystem::path& folder, const Json& document);

/// A pseudo-random token sequence below `vocab`.
std::vector<std::int64_t> some_tokens(std::uint64_t seed, std::int64_t count, std::int64_t vocab);

/// Runs one built-in kind.
void run_kind(const std::string& kind, SuiteContext& context, const Json& params);

/// Every metric that `context` got from the kind is what its declaration makes of the items.
void expect_made_of_items(const std::string& kind, const RecordingContext& context);

/// Sum of log p(token | all before it) over tokens[from:], with one plain pass in double.
double naive_log_likelihood(const Model& model, const std::vector<std::int64_t>& tokens,
                            std::int64_t from);

}  // namespace assay
