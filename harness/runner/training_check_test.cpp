// What a training asks of its text, and what it must not hold.

#include "harness/runner/training_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/errors.h"
#include "harness/runner/prepared_stream_fixture.h"
#include "harness/runner/requests.h"
#include "harness/runner/runner_test_world.h"
#include "harness/runner/text_lengths.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;
using testing_world::Home;
using testing_world::prepared_stream;

/// `prune` of the small world trains on windows of 20 tokens.
class TrainingText : public testing::Test {
 protected:
  TrainingText() {
    for (SuiteKindEntry& kind : catalogue_.suite_kinds) kind.data_format = "stream";
    MethodChoice& method = plan_.experiment.methods[1];
    method.training = TrainingChoice{.dataset = "letters", .split = "train", .data = kTextData};
    method.place = {"e.toml", 7, 1};
    for (Cell& cell : plan_.cells) cell.data_folder = evaluation_;
    job().training_folder = training_;
    job().training_tokens = 20;
  }
  FitJob& job() { return plan_.fits.at("artefact-key"); }
  TrainingChoice& choice() { return *plan_.experiment.methods[1].training; }
  static std::vector<std::int32_t> counted(std::int32_t from, std::int32_t count) {
    std::vector<std::int32_t> tokens;
    for (std::int32_t i = 0; i < count; ++i) tokens.push_back(from + i);
    return tokens;
  }
  Home home_;
  std::string training_ = prepared_stream(home_, "training", counted(500, 100));
  std::string evaluation_ = prepared_stream(home_, "evaluation", counted(0, 320));
  Catalogue catalogue_ = testing_world::small_catalogue();
  Plan plan_ = testing_world::small_plan({"quality"});
};

TEST_F(TrainingText, MayNotHoldWhatASuiteScores) {
  EXPECT_NO_THROW(check_training_texts(plan_, catalogue_));
  std::vector<std::int32_t> tokens = counted(500, 60);
  for (const std::int32_t token : counted(0, 64)) tokens.push_back(token);
  prepared_stream(home_, "training", tokens);
  EXPECT_THAT(
      [&] { check_training_texts(plan_, catalogue_); },
      ThrowsMessage<UserError>(HasSubstr(
          "e.toml:7:1: method 'prune' would train on text of suite 'quality-suite': 2 of its 10 "
          "stretches of 32 tokens stand in data 'letters', split 'train' (the first from token 0 "
          "on, there from token 60 on); choose another split or data set")));
  choice().samples = 3;  // ends before it
  EXPECT_NO_THROW(check_training_texts(plan_, catalogue_));
}

TEST_F(TrainingText, MustHaveTheWindowsThatAreAskedFor) {
  choice().samples = 5;
  EXPECT_NO_THROW(check_text_lengths(plan_));
  choice().samples = 6;
  EXPECT_THAT([&] { check_text_lengths(plan_); },
              ThrowsMessage<UserError>(HasSubstr(
                  "e.toml:7:1: method 'prune': training asks for 6 windows of 20 tokens, and "
                  "'letters' (train) has 5; lower training.samples or training.tokens")));
  choice().samples = 0;
  job().training_tokens = 101;
  EXPECT_THAT([&] { check_text_lengths(plan_); },
              ThrowsMessage<UserError>(HasSubstr("asks for 1 windows of 101 tokens")));
}

TEST_F(TrainingText, IsAskedOfTheWorkerWithTheTimeBetweenCheckpoints) {
  choice().samples = 4;
  plan_.experiment.checkpoint_s = 7;
  const WorkerRequest request =
      fit_request(plan_, catalogue_, plan_.cells.back(), job(), home_.path());
  EXPECT_FALSE(request.training);
  ASSERT_TRUE(request.training_text);
  EXPECT_EQ(request.training_text->data, training_);
  EXPECT_EQ(request.training_text->samples, 4);
  EXPECT_EQ(request.training_text->tokens, 20);
  EXPECT_EQ(request.checkpoint_s, 7);
}

}  // namespace
}  // namespace assay
