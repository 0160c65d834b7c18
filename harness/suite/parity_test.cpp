// The item suites and the perplexity of two trained models against lm-evaluation-harness and
// transformers (goldens of scripts/golden/lm_eval_items.py and ppl_windows.py), from raw files on.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "harness/base/files.h"
#include "harness/base/json.h"
#include "harness/suite/prepared.h"
#include "harness/suite/suite_fixture.h"
#include "harness/suite/tree_scorer.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

using Path = std::filesystem::path;

/// Items of a task and windows of a text that are compared; the goldens hold 200 and 400.
std::int64_t compared_items() { return std::stoll(environment_or("ASSAY_PARITY_ITEMS", "8")); }

struct TaskData {
  const char *task, *dataset, *split, *raw;
};

constexpr TaskData kTasks[] = {
    {"piqa", "piqa", "validation", "piqa.jsonl"},
    {"arc_easy", "arc-easy", "test", "arc_easy.jsonl"},
    {"openbookqa", "openbookqa", "test", "openbook_qa.jsonl"},
    {"copa", "copa", "validation", "copa.jsonl"},
    {"boolq", "boolq", "validation", "boolq.jsonl"},
    {"winogrande", "winogrande", "validation", "winogrande.jsonl"},
    {"lambada_openai", "lambada", "test", "lambada_openai.jsonl"},
};

class Parity : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    data_ = environment_or("ASSAY_DATA", "");
    models_ = environment_or("ASSAY_MODELS", "");
    python_ = test_python();
    if (data_.empty() || models_.empty()) GTEST_SKIP() << "needs ASSAY_DATA and ASSAY_MODELS";
    if (python_.empty()) GTEST_SKIP() << "needs ASSAY_PYTHON";
    model_ = std::make_unique<Model>(Model::load(model_folder(), {}));
  }

  [[nodiscard]] Path model_folder() const { return Path(models_) / GetParam(); }
  [[nodiscard]] static Json golden(const std::string& folder, const std::string& suffix) {
    return read_json_file(source_dir() / "tests" / "data" / folder /
                          (std::string(GetParam()) + suffix + ".json"));
  }

  /// Runs assay_tools; the prepared folder is returned.
  Path prepare(const std::string& command, const Path& manifest, const std::string& split,
               const std::vector<Path>& raw) {
    const Path out = scratch_.path() / "prepared";
    std::filesystem::remove_all(out);
    std::string line = "PYTHONPATH='" + source_dir().string() + "/python' '" + python_ +
                       "' -B -m assay_tools " + command + " --manifest '" + manifest.string() +
                       "' --split " + split + " --tokenizer '" + model_folder().string() +
                       "' --out '" + out.string() + "' --raw";
    for (const Path& path : raw) line += " '" + path.string() + "'";
    EXPECT_EQ(std::system((line + " > /dev/null").c_str()), 0) << line;
    return out;
  }

  /// A file of the first lines only, so that little has to be tokenised.
  Path first_lines(const Path& raw) {
    std::ifstream in(raw);
    std::string kept, line;
    for (std::int64_t i = 0; i < compared_items() && std::getline(in, line); ++i) {
      kept += line + "\n";
    }
    const Path path = scratch_.path() / raw.filename();
    write_file_atomically(path, kept);
    return path;
  }

  /// Every log-likelihood within rounding, and the same answer but for one item at most.
  void expect_same(const std::vector<PreparedItem>& items, const Json& expected, bool last_word) {
    TreeScorerOptions options;
    options.want_greedy = last_word;
    ScoreLog nothing_kept;
    const auto scores = score_items(*model_, items, options, nothing_kept, [](std::int64_t) {});
    ASSERT_FALSE(items.empty());
    ASSERT_LE(items.size(), expected.size());
    int other_answers = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const auto values = expected[i].get<std::vector<double>>();
      std::vector<double> found;
      for (const RequestScore& score : scores[i]) found.push_back(score.log_likelihood);
      for (std::size_t r = 0; r < found.size(); ++r) {
        EXPECT_NEAR(found[r], values[r], 1e-3 + 1e-5 * std::abs(values[r]))
            << "item " << i << " request " << r;
      }
      const bool same =
          last_word ? scores[i][0].greedy == (values[1] == 1) : argmax(found) == argmax(values);
      other_answers += same ? 0 : 1;
    }
    EXPECT_LE(other_answers, 1);
  }

  static std::int64_t argmax(const std::vector<double>& values) {
    return std::max_element(values.begin(), values.end()) - values.begin();
  }

  std::string data_, models_, python_;
  std::unique_ptr<Model> model_;
  ScratchFolder scratch_;
};

TEST_P(Parity, ItemsScoreAsInLmEvaluationHarness) {
  const Json expected = golden("lm_eval", "");
  for (const TaskData& task : kTasks) {
    SCOPED_TRACE(task.task);
    const Path manifest = source_dir() / "datasets" / (std::string(task.dataset) + ".toml");
    const Path folder = prepare("prepare-items --task " + std::string(task.task), manifest,
                                task.split, {first_lines(Path(data_) / "lm_eval" / task.raw)});
    PreparedItems prepared = read_prepared_items(folder, model_->vocabulary());
    limit_items(prepared, compared_items());
    expect_same(prepared.items, expected.at("tasks").at(task.task).at("items"),
                std::string(task.task) == "lambada_openai");
  }
}

TEST_P(Parity, MmluScoresAsInLmEvaluationHarness) {
  const Json expected = golden("lm_eval", "");
  for (const std::string subject : {"abstract_algebra", "high_school_european_history"}) {
    SCOPED_TRACE(subject);
    const Path manifest = scratch_.path() / "mmlu.toml";
    write_file_atomically(manifest,
                          "name = \"mmlu\"\nkind = \"items\"\n[splits.test]\nfiles = [\"a\", "
                          "\"b\"]\n");
    const Path root = Path(data_) / "mmlu";
    const Path folder =
        prepare("prepare-items --task mmlu", manifest, "test",
                {root / "dev" / (subject + "_dev.csv"), root / "test" / (subject + "_test.csv")});
    PreparedItems prepared = read_prepared_items(folder, model_->vocabulary());
    limit_items(prepared, compared_items());
    expect_same(prepared.items, expected.at("tasks").at("mmlu_" + subject).at("items"), false);
  }
}

TEST_P(Parity, PerplexityIsThatOfTransformers) {
  struct Text {
    const char *golden, *dataset, *split, *raw;
  };
  const Text texts[] = {{".held", "tiny-corpus", "held", "tiny-corpus/held.txt"},
                        {".wikitext2", "wikitext-2", "test", "wikitext-2-raw/wiki.test.raw"}};
  for (const Text& text : texts) {
    SCOPED_TRACE(text.dataset);
    const Json expected = golden("ppl", text.golden);
    const Path manifest = source_dir() / "datasets" / (std::string(text.dataset) + ".toml");
    const Path folder = prepare("prepare-stream", manifest, text.split, {Path(data_) / text.raw});
    const PreparedStream stream = read_prepared_stream(folder, model_->vocabulary());
    EXPECT_EQ(stream.tokens.size(0), expected.at("tokens").get<std::int64_t>());
    RecordingContext context(*model_, *model_, folder);
    run_kind("token_ppl", context,
             {{"window", expected.at("window")}, {"limit", compared_items()}});
    ASSERT_EQ(std::ssize(context.items), compared_items());
    const auto means = expected.at("window_means").get<std::vector<double>>();
    double sum = 0;
    for (std::size_t i = 0; i < context.items.size(); ++i) {
      const double mean = *context.items[i].nll / static_cast<double>(context.items[i].tokens);
      EXPECT_NEAR(mean, means[i], 1e-4) << "window " << i;
      sum += means[i];
    }
    const double ppl = std::exp(sum / static_cast<double>(context.items.size()));
    const double relative = *context.metrics.at("token_ppl").value / ppl - 1;
    EXPECT_LT(std::abs(relative), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Parity, testing::Values("tiny-opt-relu", "tiny-gpt2-gelu"));

}  // namespace
}  // namespace assay
