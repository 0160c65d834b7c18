#pragma once
// Test support: one request, served in this process.

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "harness/checkpoint/checkpoint.h"
#include "harness/method/tiny_model.h"
#include "harness/worker/session.h"

namespace assay {

/// A suite kind that does what the test says.
class ScriptedSuite final : public SuiteKind {
 public:
  ScriptedSuite(Stage stage, std::function<void(SuiteContext&)> script)
      : stage_(stage), script_(std::move(script)) {}
  [[nodiscard]] SuiteKindInfo info() const override {
    SuiteKindInfo info;
    info.name = "scripted";
    info.stage = stage_;
    return info;
  }
  void run(SuiteContext& context, const Params& params) const override { script_(context); }

 private:
  Stage stage_;
  std::function<void(SuiteContext&)> script_;
};

class Session : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) / "session_test";
    std::filesystem::remove_all(folder_);
    write_tiny_model(folder_ / "model", TinyFamily::kLlama, 1);
    std::filesystem::create_directories(folder_ / "scratch");
    register_builtin_methods(methods_);
    request_.op = "score";
    request_.model_folder = folder_ / "model";
    plan_model();
    request_.method = "dense";
    request_.suite_kind = "scripted";
    request_.scratch = folder_ / "scratch";
  }

  /// As the model lies there now.
  void plan_model() {
    request_.model_hash = Checkpoint::open(request_.model_folder).content_hash();
  }

  void script(Stage stage, std::function<void(SuiteContext&)> script) {
    suites_ = {};
    suites_.add(std::make_unique<ScriptedSuite>(stage, std::move(script)));
  }

  WorkerReply run() {
    std::FILE* file = std::tmpfile();
    ReplyWriter writer(::fileno(file));
    KeptModel alone;
    serve(request_, {.methods = methods_,
                     .suites = suites_,
                     .writer = writer,
                     .stop = stop_,
                     .kept = kept_ ? *kept_ : alone});
    std::rewind(file);
    std::string text;
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
    std::fclose(file);
    ReplyReader reader;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) reader.feed(line);
    EXPECT_TRUE(reader.reply().complete);
    EXPECT_TRUE(reader.reply().outcome.has_value());
    return reader.reply();
  }
  static std::string named(const WorkerReply& reply) {
    return std::string(outcome_name(reply.outcome->outcome)) + " " + reply.outcome->code;
  }
  std::string outcome_when(std::function<void(SuiteContext&)> what) {
    script(Stage::kScore, std::move(what));
    return named(run());
  }

  std::filesystem::path folder_;
  MethodRegistry methods_;
  SuiteRegistry suites_;
  StopFlag stop_ = false;
  std::unique_ptr<KeptModel> kept_;  ///< between requests; null: each is the first of its process
  WorkerRequest request_;
};

inline double value_of(const WorkerReply& reply, const std::string& tag) {
  for (const MetricValue& metric : reply.metrics) {
    if (metric.tag == tag) return metric.value.value();
  }
  ADD_FAILURE() << "no metric " << tag;
  return 0;
}

inline std::optional<std::string> remark_of(const WorkerReply& reply, const std::string& code) {
  for (const WorkerReply::Event& event : reply.events) {
    if (event.code == code && event.level == "warning") return event.text;
  }
  return std::nullopt;
}

}  // namespace assay
