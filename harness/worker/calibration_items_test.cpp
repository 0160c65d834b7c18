// Which items are drawn, and what of them.

#include "harness/worker/calibration_items.h"

#include <gmock/gmock.h>

#include "harness/base/cell_errors.h"
#include "harness/base/errors.h"
#include "harness/method/recording_context.h"
#include "harness/worker/items_fixture.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

class CalibrationItems : public testing::Test {
 protected:
  static constexpr std::int64_t kVocab = 96;
  [[nodiscard]] DrawnItems draw(std::int64_t samples, std::int64_t tokens,
                                std::uint64_t seed = 0) const {
    return draw_calibration_items({folder_.string(), "items", samples, tokens}, seed,
                                  {.size = kVocab, .folder = {}});
  }
  /// A question of one answer.
  static Json sole_item(const std::vector<std::int64_t>& tokens, std::int64_t scored_from) {
    return {
        {"hash", "0"}, {"gold", 0}, {"requests", Json::array({request_json(tokens, scored_from)})}};
  }
  /// The number of each, which is its first token.
  static std::vector<std::int64_t> numbers(const DrawnItems& drawn) {
    std::vector<std::int64_t> all;
    for (const AnsweredItem& item : drawn.answered.items) all.push_back(item.tokens.front());
    return all;
  }
  static std::vector<std::string> codes(const DrawnItems& drawn) {
    std::vector<std::string> all;
    for (const DataNote& note : drawn.remarks) all.push_back(note.code);
    return all;
  }

  RecordingContext place_{{}, 0, {}};
  std::filesystem::path folder_ = place_.scratch() / "items";
};

// CPython's random.Random(seed).shuffle([0, ..., 5]).
TEST_F(CalibrationItems, AreDrawnInThePublishedOrder) {
  write_items(folder_, numbered_items(6));
  EXPECT_THAT(numbers(draw(6, 20)), ElementsAre(4, 2, 1, 0, 5, 3));
  EXPECT_THAT(numbers(draw(4, 20, 5)), ElementsAre(1, 0, 3, 5));
  EXPECT_THAT(codes(draw(6, 20)), IsEmpty());
}

TEST_F(CalibrationItems, AreTheRightAnswersBehindTheirPrompts) {
  write_items(folder_, numbered_items(6));
  const DrawnItems drawn = draw(6, 20);
  ASSERT_EQ(drawn.answered.items.size(), 6U);
  for (const AnsweredItem& item : drawn.answered.items) {
    const std::int64_t i = item.tokens.front();
    ASSERT_EQ(std::ssize(item.tokens), 2 + i + 1 + i % 3);
    for (std::int64_t t = 0; t < std::ssize(item.tokens); ++t) {
      EXPECT_EQ(item.tokens[static_cast<std::size_t>(t)], t < item.answer_from ? i : 50 + i);
    }
  }
}

TEST_F(CalibrationItems, HaveTheBeginningThatTheirSubtaskShares) {
  Json items = Json::array({sole_item({7, 8}, 4)});
  items[0]["shared"] = 0;
  write_items(folder_, items, Json::array({Json::array({1, 2, 3})}));
  const DrawnItems drawn = draw(1, 20);
  EXPECT_THAT(drawn.answered.items.at(0).tokens, ElementsAre(1, 2, 3, 7, 8));
  EXPECT_EQ(drawn.answered.items.at(0).answer_from, 4);
}

TEST_F(CalibrationItems, FewerThanAskedForAreAllOfThem) {
  write_items(folder_, numbered_items(6));
  const DrawnItems drawn = draw(500, 20);
  EXPECT_EQ(drawn.answered.items.size(), 6U);
  ASSERT_THAT(codes(drawn), ElementsAre("calibration_few_items"));
  EXPECT_THAT(drawn.remarks[0].text, HasSubstr("asks for 500 items, and the split has 6"));
}

TEST_F(CalibrationItems, LoseTheirLeftEndWhereTheyAreTooLong) {
  write_items(folder_, numbered_items(6));
  const DrawnItems drawn = draw(6, 6);  // lengths 3, 5, 7, 6, 8, 10
  ASSERT_THAT(codes(drawn), ElementsAre("calibration_cut_context"));
  EXPECT_THAT(drawn.remarks[0].text, HasSubstr("3 of 6 calibration items are longer than 6"));
  for (const AnsweredItem& item : drawn.answered.items) {
    const std::int64_t i = item.tokens.front();
    EXPECT_EQ(std::ssize(item.tokens), std::min<std::int64_t>(6, 3 + i + i % 3)) << i;
    EXPECT_EQ(std::ssize(item.tokens) - item.answer_from, 1 + i % 3) << i;
  }
}

TEST_F(CalibrationItems, AnAnswerWithoutContextIsRefused) {
  write_items(folder_, numbered_items(6));
  EXPECT_EQ(draw(6, 4).answered.items.size(), 6U);
  EXPECT_THAT([&] { (void)draw(6, 3); },
              ThrowsMessage<DoesNotApply>(AllOf(HasSubstr("the answer of piqa.jsonl:"),
                                                HasSubstr("has 3 tokens, which leaves none"),
                                                HasSubstr("raise calibration.tokens"))));
}

TEST_F(CalibrationItems, TokensThatTheModelLacksAreRefused) {
  write_items(folder_, Json::array({sole_item({1, kVocab}, 1)}));
  EXPECT_THROW((void)draw(1, 20), UserError);
}

TEST_F(CalibrationItems, SpanningTokensAreRemarkedOn) {
  Json items = numbered_items(2);
  items[1]["spans"] = true;
  write_items(folder_, items);
  const DrawnItems drawn = draw(2, 20);
  ASSERT_THAT(codes(drawn), ElementsAre("calibration_spanning_token"));
  EXPECT_THAT(drawn.remarks[0].text, HasSubstr("1 of 2"));
}

}  // namespace
}  // namespace assay
