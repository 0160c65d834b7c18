#include "harness/runner/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "harness/base/display.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::Not;

class ProgressOutput : public testing::Test {
 protected:
  ProgressPlace place(bool terminal) {
    return {terminal, [this] { return width_; }, [this] { return now_; }};
  }
  /// What `work` writes to standard error, up to the end of the progress.
  template <typename Work>
  std::string written(bool terminal, Work work) {
    testing::internal::CaptureStderr();
    {
      StderrProgress progress(place(terminal));
      work(progress);
    }
    return testing::internal::GetCapturedStderr();
  }

  double now_ = 50;
  std::size_t width_ = 80;
};

TEST_F(ProgressOutput, ATerminalGetsOneLineThatIsErasedBeforeOthers) {
  const std::string text = written(true, [&](Progress& progress) {
    progress.live("[0/2] scoring", "about 3 min left");
    now_ += 1;
    progress.live("[0/2] scoring, 1/2", "about 2 min left");
    progress.step("[1/2] done");
    progress.live("[1/2] timing");
  });
  EXPECT_EQ(text,
            "\r\x1b[K[0/2] scoring · about 3 min left"
            "\r\x1b[K[0/2] scoring, 1/2 · about 2 min left"
            "\r\x1b[K[1/2] done\n"
            "\r\x1b[K[1/2] timing"
            "\r\x1b[K");
}

TEST_F(ProgressOutput, ATerminalIsNotRedrawnTooOften) {
  const std::string text = written(true, [&](Progress& progress) {
    for (int i = 0; i < 100; ++i) {
      progress.live("line");
      now_ += 0.01;
    }
  });
  const auto drawn = std::count(text.begin(), text.end(), '\r');
  EXPECT_LE(drawn, 12);
  EXPECT_GE(drawn, 10) << "ten in the second, and the one that erases";
}

TEST_F(ProgressOutput, WhatIsLeftStaysWhereTheLineIsTooLong) {
  for (const std::size_t width : {20U, 30U, 40U, 60U, 200U}) {
    width_ = width;
    const std::string text = written(true, [&](Progress& progress) {
      progress.live("[12/48] timing decode: 漢字漢字 with a very long name, process 3 of 5",
                    "3 min left");
    });
    const std::string line = text.substr(4, text.find('\r', 1) - 4);
    EXPECT_LT(display_width(line), width) << line;
    EXPECT_TRUE(line.ends_with(" · 3 min left")) << line;
  }
}

TEST_F(ProgressOutput, ElsewhereThereAreLinesAndNowAndThenWhatIsLeft) {
  const std::string text = written(false, [&](Progress& progress) {
    for (int second = 0; second < 200; ++second) {
      progress.live("[0/2] scoring", second < 100 ? "about 3 min left" : "");
      now_ += 1;
    }
    progress.step("[1/2] done");
    progress.live("[1/2] scoring", "about 1 min left");
  });
  EXPECT_EQ(text,
            "[0/2] scoring · about 3 min left\n"
            "[1/2] done\n"
            "[1/2] scoring · about 1 min left\n");
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace assay
