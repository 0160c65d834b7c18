#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <set>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/search/moves.h"
#include "harness/search/search_fixture.h"
#include "harness/search/suggester.h"
#include "tests/support/build_paths.h"

namespace assay::search {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

/// Gives a variable of the environment another value while it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value)
      : name_(name), before_(environment_or(name, "")) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (before_.empty()) {
      ::unsetenv(name_);
    } else {
      ::setenv(name_, before_.c_str(), 1);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::string before_;
};

class Ehvi : public testing::Test {
 protected:
  void SetUp() override {
    if (test_python().empty() || !std::filesystem::exists(search_library() / ".complete")) {
      GTEST_SKIP() << "needs ./scripts/setup: no " << search_library();
    }
  }
  Space space_ = toy_space();
};

TEST_F(Ehvi, BeginsWithTheCornersTheMiddleAndRandomPoints) {
  const SearchResult result = run_search(toy_task(space_, "ehvi", toy_settings(3, 10)));
  const std::vector<Point> first = first_points(space_);
  std::set<Point> points;
  for (std::size_t i = 0; i < 10; ++i) {
    points.insert(result.evaluations[i].point);
    if (i < 3) {
      EXPECT_EQ(result.evaluations[i].point, first[i]);
    }
  }
  EXPECT_EQ(points.size(), 10U);
}

TEST_F(Ehvi, ResumesWhereverItWasKilledWithoutASingleFitOfTheLog) {
  const SearchResult whole = run_search(toy_task(space_, "ehvi", toy_settings(5, 14)));
  EXPECT_FALSE(same_evaluations(run_search(toy_task(space_, "ehvi", toy_settings(6, 14))), whole));
  for (const int at : {2, 12}) {
    const TestFolder folder;
    SearchTask task = toy_task(space_, "ehvi", toy_settings(5, 14));
    task.folder = folder.path();
    SearchTask killed = task;
    int calls = 0;
    killed.evaluate = [&](const Asked& asked) {
      if (calls++ == at) throw std::runtime_error("killed");
      return noisy_objectives(space_, asked);
    };
    EXPECT_THROW(run_search(killed), std::runtime_error);
    const SearchResult resumed = run_search(task);
    EXPECT_EQ(resumed.resumed, static_cast<std::size_t>(at));
    EXPECT_TRUE(same_evaluations(resumed, whole)) << at;
    const Variable python("ASSAY_PYTHON", "/bin/false");
    EXPECT_TRUE(same_evaluations(run_search(task), whole));  // all of it is in the log
  }
}

TEST_F(Ehvi, BeatsRandomPoints) {
  double found = 0, random = 0;
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    found += front_volume(run_search(toy_task(space_, "ehvi", toy_settings(seed, 24))));
    random += front_volume(run_search(toy_task(space_, "random", toy_settings(seed, 100))));
  }
  EXPECT_GT(found, random);  // with a quarter of the evaluations
}

TEST_F(Ehvi, LivesWithFailedCandidatesAndFixedAxes) {
  Space space = toy_space(3, 4);
  space.axes.push_back({.name = "fixed", .values = {7}});
  space.size = [](const Point& point) { return (1 + point[0] + point[1] + point[2]) / 10.0; };
  SearchTask task = toy_task(space, "ehvi", toy_settings(0, 13));
  int calls = 0;
  task.evaluate = [&](const Asked& asked) {
    if (++calls % 2 == 0) return Objectives{std::nan(""), 0.5};
    return toy_objectives(space, asked.point);
  };
  EXPECT_EQ(run_search(task).evaluations.size(), 13U);
  task.evaluate = [](const Asked&) { return Objectives{std::nan(""), 0.5}; };
  task.settings.evaluations = 12;
  EXPECT_EQ(run_search(task).evaluations.size(), 12U);
}

TEST_F(Ehvi, EvaluatesASmallSpaceWhole) {
  const Space space = toy_space(2, 4);
  const SearchResult result = run_search(toy_task(space, "ehvi", toy_settings(0, 100)));
  EXPECT_EQ(result.evaluations.size(), 16U);
  ASSERT_EQ(result.remarks.size(), 1U);
  EXPECT_EQ(result.remarks[0].code, "search_exhausted");
}

TEST_F(Ehvi, SaysWhatTheProcessComplainsOf) {
  Suggester suggester(space_, 0);
  // A point of another space.
  const std::vector<Told> history = {{{{0, 0}}, {0.5, 0.5}}};
  EXPECT_THAT([&] { suggester.suggest(history); },
              ThrowsMessage<MachineError>(AllOf(HasSubstr("searcher ehvi"), HasSubstr("zip"))));
}

TEST_F(Ehvi, StartsNothingForItsFirstPoints) {
  // A Python that cannot run: whoever starts it fails.
  const Variable python("ASSAY_PYTHON", "/bin/false");
  const SearchResult first = run_search(toy_task(space_, "ehvi", toy_settings(3, 10)));
  EXPECT_EQ(first.evaluations.size(), 10U);
  EXPECT_THAT([&] { run_search(toy_task(space_, "ehvi", toy_settings(3, 11))); },
              ThrowsMessage<MachineError>(HasSubstr("false ended with exit code 1")));
}

TEST(EhviWithoutItsLibrary, SaysWhatToDo) {
  const Space space = toy_space();
  const TestFolder home;
  const Variable elsewhere("ASSAY_HOME", home.path().string());
  if (test_python().empty()) GTEST_SKIP() << "needs ./scripts/setup";
  const Variable python("ASSAY_PYTHON", test_python());
  EXPECT_THAT([&] { run_search(toy_task(space, "ehvi", toy_settings())); },
              ThrowsMessage<MachineError>(
                  AllOf(HasSubstr(home.path().string()), HasSubstr("./scripts/setup"))));
}

TEST(EhviWithoutPython, SaysWhatToDo) {
  const Space space = toy_space();
  const Variable python("ASSAY_PYTHON", "/no/such/python");
  EXPECT_THAT([&] { run_search(toy_task(space, "ehvi", toy_settings())); },
              ThrowsMessage<MachineError>(
                  AllOf(HasSubstr("/no/such/python"), HasSubstr("./scripts/setup"))));
}

}  // namespace
}  // namespace assay::search
