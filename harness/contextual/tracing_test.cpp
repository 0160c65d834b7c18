// Traces of a calibration text: fits that are interrupted, killed or out of disk, and what the next
// try does.

#include "harness/contextual/tracing.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/param_makers.h"
#include "harness/data/answered_items.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "tests/support/small_files.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kSequences = 6;

/// One try after the other in the same folder.
class Try final : public FitContext {
 public:
  Try(fs::path folder, at::Tensor tokens)
      : folder_(std::move(folder)), tokens_(std::move(tokens)) {}
  [[nodiscard]] const at::Tensor& calibration() const override { return tokens_; }
  [[nodiscard]] const AnsweredItems* calibration_items() const override { return items; }
  [[nodiscard]] std::uint64_t seed() const override { return 0; }
  void progress(std::int64_t done, std::int64_t, const std::string&) override {
    if (on_progress) on_progress(done);
  }
  void warn(const std::string& code, const std::string& text) override {
    remarks.push_back(code);
    texts += text;
  }
  void metric(const std::string&, double) override {}
  [[nodiscard]] const fs::path& scratch() const override { return folder_; }
  [[nodiscard]] double checkpoint_seconds() const override { return seconds; }
  [[nodiscard]] const fs::path& model_folder() const override { return folder_; }

  const AnsweredItems* items = nullptr;  ///< in place of the tokens
  std::function<void(std::int64_t done)> on_progress;
  double seconds = 0;  ///< between commits: after each sequence
  std::vector<std::string> remarks;
  std::string texts;

 private:
  fs::path folder_;
  at::Tensor tokens_;
};

class TracingTest : public testing::Test {
 protected:
  struct Killed : std::runtime_error {
    Killed() : std::runtime_error("killed") {}
  };
  TracingTest() {
    write_tiny_model(place_.scratch() / "model", TinyFamily::kLlama, 8);
    model_.emplace(Model::load(place_.scratch() / "model", LoadOptions{}));
  }
  [[nodiscard]] Try next_try() const {
    Try next(place_.scratch(), tokens_);
    if (!items_.items.empty()) next.items = &items_;
    return next;
  }
  /// Remembers which sequences it traced.
  Artefact run(Try& fit, const Json& settings = {{"method", "test"}}) {
    traced_.clear();
    answers_.clear();
    return trace_calibration(*model_, fit, settings,
                             [&](const CalibrationSequence& sequence, TraceFile& trace) {
                               const at::Tensor tokens = sequence.tokens.unsqueeze(0);
                               traced_.push_back(trace.sequences());
                               answers_.push_back(sequence.answer_from);
                               trace.append("hidden", model_->hidden(tokens));
                               trace.append("tokens", items_.items.empty() ? tokens : tokens.t());
                             });
  }
  void stop_at(std::int64_t stop, double seconds, bool interrupted) {
    Try fit = next_try();
    fit.seconds = seconds;
    fit.on_progress = [&](std::int64_t done) {
      if (done < stop) return;
      if (interrupted) throw Interrupted();
      throw Killed();
    };
    if (interrupted) {
      EXPECT_THROW((void)run(fit), Interrupted);
    } else {
      EXPECT_THROW((void)run(fit), Killed);
    }
    EXPECT_THAT(fit.remarks, IsEmpty());
  }
  void expect_whole(const Artefact& found) const {
    ASSERT_EQ(found.tensors.size(), 2U);
    EXPECT_TRUE(found.tensors.at("tokens").equal(tokens_));
    for (std::int64_t i = 0; i < kSequences; ++i) {
      const at::Tensor hidden = found.tensors.at("hidden").narrow(0, i * kLength, kLength);
      EXPECT_TRUE(hidden.equal(model_->hidden(tokens_.narrow(0, i, 1)))) << i;
    }
  }
  [[nodiscard]] fs::path folder() const { return place_.scratch() / "traces"; }

  static constexpr std::int64_t kLength = 9;
  const at::NoGradGuard as_in_the_worker_;
  RecordingContext place_{{}, 0, {}};
  std::optional<Model> model_;
  at::Tensor tokens_ = at::randint(0, kTinyVocab, {kSequences, kLength}, at::kLong);
  AnsweredItems items_;  ///< none: the tokens are traced
  std::vector<std::int64_t> traced_, answers_;
};

TEST_F(TracingTest, TracesEachSequenceOnce) {
  Try fit = next_try();
  std::vector<std::int64_t> told;
  fit.on_progress = [&](std::int64_t done) { told.push_back(done); };
  expect_whole(run(fit));
  EXPECT_THAT(traced_, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(told, ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(answers_, testing::Each(1)) << "of a text, all that something precedes";
}

TEST_F(TracingTest, ItemsGoOnFromAKillWithEqualBits) {
  items_ = {{{{5, 6, 7}, 2}, {{8, 9}, 1}, {{10, 11, 12, 13, 14, 15}, 4}, {{16, 17, 18, 19}, 1}}};
  std::vector<at::Tensor> hidden, tokens;
  for (const AnsweredItem& item : items_.items) {
    tokens.push_back(at::tensor(item.tokens, at::kLong));
    hidden.push_back(model_->hidden(tokens.back().unsqueeze(0)));
  }
  for (std::int64_t stop = 1; stop < 4; ++stop) {
    fs::remove_all(folder());
    stop_at(stop, 0, false);
    EXPECT_EQ(answers_.size(), static_cast<std::size_t>(stop));
    Try fit = next_try();
    const Artefact found = run(fit);
    EXPECT_TRUE(found.tensors.at("tokens").squeeze(1).equal(at::cat(tokens))) << stop;
    EXPECT_TRUE(found.tensors.at("hidden").equal(at::cat(hidden))) << stop;
    EXPECT_EQ(traced_.front(), stop);
    EXPECT_EQ(answers_.back(), 1);
  }
  fs::remove_all(folder());
  Try whole = next_try();
  (void)run(whole);
  EXPECT_THAT(answers_, ElementsAre(2, 1, 4, 1));
}

TEST_F(TracingTest, AnInterruptedTraceGoesOnWhereItWas) {
  constexpr double kNever = 1e9;  // but before leaving
  for (std::int64_t stop = 1; stop <= kSequences; ++stop) {
    fs::remove_all(folder());
    stop_at(stop, kNever, true);
    Try fit = next_try();
    expect_whole(run(fit));
    EXPECT_EQ(static_cast<std::int64_t>(traced_.size()), kSequences - stop);
    EXPECT_EQ(traced_.empty() ? stop : traced_.front(), stop);
    EXPECT_THAT(fit.remarks, IsEmpty());
  }
}

TEST_F(TracingTest, AKilledTraceGoesOnFromItsLastCommit) {
  for (std::int64_t stop = 1; stop < kSequences; ++stop) {
    fs::remove_all(folder());
    stop_at(stop, 0, false);
    Try fit = next_try();
    expect_whole(run(fit));
    EXPECT_EQ(traced_.front(), stop);
  }
  fs::remove_all(folder());
  stop_at(3, 1e9, false);  // before the first
  Try fit = next_try();
  expect_whole(run(fit));
  EXPECT_EQ(traced_.front(), 0);
}

TEST_F(TracingTest, SeveralInARow) {
  stop_at(1, 0, false);
  stop_at(2, 1e9, true);
  stop_at(4, 0, true);
  Try fit = next_try();
  expect_whole(run(fit));
  EXPECT_THAT(traced_, ElementsAre(4, 5));
}

TEST_F(TracingTest, AFinishedTraceIsNotRepeated) {
  Try first = next_try(), second = next_try();
  (void)run(first);
  expect_whole(run(second));
  EXPECT_THAT(traced_, IsEmpty());
}

TEST_F(TracingTest, WhatIsTracedOfSomethingElseIsNotMixedIn) {
  const auto anew = [&](const char* difference, const Json& settings = {{"method", "test"}}) {
    Try fit = next_try();
    expect_whole(run(fit, settings));
    EXPECT_EQ(traced_.size(), 6U) << difference;
    EXPECT_THAT(fit.remarks, ElementsAre("trace_begun_anew"));
    EXPECT_THAT(fit.texts, HasSubstr(difference));
  };
  stop_at(4, 0, false);
  tokens_ = tokens_.clone().add_(1).remainder_(kTinyVocab);
  anew("\"/tokens\" differs");
  model_->layers()[0].dense(Slot::kDown).weight().view(-1)[0].add_(1);
  anew("\"/model\" differs");
  anew("\"/settings/method\" differs", {{"method", "other"}});
}

TEST_F(TracingTest, WhatIsPromptAndWhatIsAnswerDecides) {
  items_ = {{{{5, 6, 7}, 2}, {{8, 9, 10}, 1}}};
  Try first = next_try();
  (void)run(first);
  items_.items[0].answer_from = 1;
  Try second = next_try();
  (void)run(second);
  EXPECT_THAT(second.texts, HasSubstr("\"/bounds\" differs"));
  items_ = {{{{5, 6, 7, 8}, 1}, {{9, 10}, 1}}};
  Try third = next_try();
  (void)run(third);
  EXPECT_THAT(third.remarks, ElementsAre("trace_begun_anew"));
}

TEST_F(TracingTest, AFullDiskEndsItAndTheNextTryGoesOn) {
  Try fit = next_try();
  std::optional<SmallFiles> full;
  fit.on_progress = [&](std::int64_t done) {
    if (done == 3) full.emplace(static_cast<rlim_t>(fs::file_size(folder() / "hidden.bin") + 100));
  };
  try {
    (void)run(fit);
    FAIL() << "written to a full disk";
  } catch (const MachineError& error) {
    EXPECT_THAT(error.what(), HasSubstr("hidden.bin: cannot be written: "));
  }
  full.reset();
  Try again = next_try();
  expect_whole(run(again));
  EXPECT_THAT(traced_, ElementsAre(3, 4, 5));
  EXPECT_THAT(again.remarks, IsEmpty());
}

TEST_F(TracingTest, OnAFullDiskTheyAreStillInterruptions) {
  stop_at(2, 0, false);
  Try fit = next_try();
  fit.seconds = 1e9;
  std::optional<SmallFiles> full;
  fit.on_progress = [&](std::int64_t done) {
    if (done < 4) return;
    full.emplace(64);
    throw Interrupted();
  };
  EXPECT_THROW((void)run(fit), Interrupted);
  full.reset();
  EXPECT_THAT(fit.remarks, ElementsAre("trace_unwritten"));
  Try again = next_try();
  expect_whole(run(again));
  EXPECT_EQ(traced_.front(), 2);
}

TEST(TracedSettings, AreTheParametersThatDecide) {
  const std::vector<ParamSpec> specs{count_param("a", 1, 0, "rows", "A"),
                                     count_param("b", 2, 0, "rows", "B"),
                                     count_param("c", 3, 0, "rows", "C")};
  EXPECT_EQ(traced_settings("flat", Params(specs, {{"b", 7}}), {"a", "b"}),
            (Json{{"method", "flat"}, {"params", {{"a", 1}, {"b", 7}}}}));
}

}  // namespace
}  // namespace assay
