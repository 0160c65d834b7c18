#pragma once
// Test support: plans of small experiments in a made-up world.

#include <gtest/gtest.h>

#include <string>

#include "harness/config/config_fixture.h"
#include "harness/plan/plan.h"

namespace assay {

/// A world with one model of 256 positions, width 256, FFN 1024, 8 heads of 32.
class FakeResolver : public Resolver {
 public:
  Json traits = {{"family", "opt"},     {"width", 256},      {"heads", 8},
                 {"ffn.width", 1024},   {"ffn.gated", true}, {"attention.head_dim", 32},
                 {"max_positions", 256}};
  bool has_news = true, has_films = true;
  std::string bad_news = {};  ///< what is wrong with them
  int questions = 0;
  ModelSize size = {};

  ResolvedModel model(const ModelChoice& choice) override {
    if (choice.id == "none") throw UserError("no such model 'none'");
    // "alias" is a second name for the content of "tiny".
    const std::string content = choice.id == "alias" ? "tiny" : choice.id;
    return {choice, "/models/" + choice.id, "hash-of-" + content, "tokenizer", traits, size};
  }
  ResolvedData stream(const ResolvedModel& model, const std::string& dataset,
                      const std::string& split) override {
    ++questions;
    if (!has_news) return {"", "", "news is not here; get it with `assay data get news`"};
    const std::string key = "key-of-" + dataset + "-" + split;
    if (!bad_news.empty()) return {key, "", bad_news, kBadData};
    return {key, "/prepared/" + split, ""};
  }
  ResolvedData items(const ResolvedModel& model, const std::string& dataset,
                     const std::string& split, const std::string& task) override {
    const std::string name = dataset + "-" + split + "-as-" + task;
    return {"key-of-" + name, "/prepared/" + name, ""};
  }
  ResolvedData labelled(const ResolvedModel& model, const std::string& dataset,
                        const std::string& split, std::int64_t max_tokens) override {
    ++questions;
    const std::string name = dataset + "-" + split + "-" + std::to_string(max_tokens);
    if (!has_films) return {"", "", "films is not here; get it with `assay data get films`"};
    return {"key-of-" + name, "/prepared/" + name, ""};
  }
};

class PlanTest : public ::testing::Test {
 protected:
  Plan plan(const std::string& more) {
    return make_plan(share_.experiment(kSmallExperiment + more), share_.catalogue(), resolver_);
  }
  std::string problems(const std::string& text) {
    try {
      (void)make_plan(share_.experiment(text), share_.catalogue(), resolver_);
      return "";
    } catch (const UserError& error) {
      std::string message = error.what();
      const std::string folder = share_.path().string() + "/";
      for (std::size_t at = message.find(folder); at != std::string::npos;
           at = message.find(folder)) {
        message.erase(at, folder.size());
      }
      return message;
    }
  }
  Share share_;
  FakeResolver resolver_;
};

inline constexpr const char* kWanda =
    "[[method]]\nid = \"wanda\"\nsparsity = [0.3, 0.5]\ncalibration = { samples = 4 }\n";

}  // namespace assay
