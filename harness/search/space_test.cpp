#include "harness/search/space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/search/moves.h"
#include "harness/search/search_fixture.h"

namespace assay::search {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::ThrowsMessage;

Space uneven_space() {
  return {.axes = {{"depth", {12, 15, 30}}, {"width", {512}}, {"heads", {1, 2, 3, 4}}},
          .size = [](const Point&) { return 0.5; }};
}

TEST(Space, KnowsItsCornersAndItsMiddle) {
  const Space space = uneven_space();
  EXPECT_EQ(values_of(space, largest_point(space)), (std::vector<std::int64_t>{30, 512, 4}));
  EXPECT_EQ(values_of(space, smallest_point(space)), (std::vector<std::int64_t>{12, 512, 1}));
  // (12 + 30) / 2 = 21 is nearest to 15; 2 and 3 are equally near to 2.5.
  EXPECT_EQ(values_of(space, midpoint(space)), (std::vector<std::int64_t>{15, 512, 2}));
  EXPECT_EQ(point_count(space), 12);
}

TEST(Space, MiddleOfEvenlySpacedValuesIsNotHalfOfTheRange) {
  const Space space{.axes = {{"heads", {6, 7, 8, 9, 10}}}, .size = [](const Point&) { return 1; }};
  EXPECT_EQ(values_of(space, midpoint(space)), std::vector<std::int64_t>{8});
}

TEST(Space, ValuesAndPointsRoundTrip) {
  const Space space = uneven_space();
  PythonRandom random(3);
  std::set<Point> seen;
  for (int i = 0; i < 300; ++i) {
    const Point point = random_point(space, random);
    ASSERT_TRUE(contains(space, point));
    EXPECT_EQ(point_from_values(space, values_of(space, point)), point);
    seen.insert(point);
  }
  EXPECT_EQ(static_cast<double>(seen.size()), point_count(space));
}

TEST(Space, SaysWhichValueItHasNot) {
  const Space space = uneven_space();
  EXPECT_THAT(
      [&] {
        point_from_values(space, {12, 512, 5});
      },
      ThrowsMessage<UserError>(
          AllOf(HasSubstr("'heads' has no value 5"), HasSubstr("allowed: 1, 2, 3, 4"))));
  EXPECT_THROW(point_from_values(space, {12, 512}), UserError);
  EXPECT_THROW(values_of(space, {0, 0, 4}), std::invalid_argument);
  EXPECT_THROW(values_of(space, {0, -1, 0}), std::invalid_argument);
  EXPECT_THROW(values_of(space, {0}), std::invalid_argument);
}

TEST(Space, RefusesBadSpacesWithAllThatIsWrong) {
  Space space = uneven_space();
  EXPECT_NO_THROW(require_space(space));
  space.axes[0].values = {12, 12};
  space.axes[1].values.clear();
  space.axes[2].name = "width";
  space.size = nullptr;
  EXPECT_THAT([&] { require_space(space); },
              ThrowsMessage<UserError>(
                  AllOf(HasSubstr("'depth' must ascend"), HasSubstr("'width' has no values"),
                        HasSubstr("two axes are called 'width'"), HasSubstr("no size"))));
  EXPECT_THAT([] { require_space({}); }, ThrowsMessage<UserError>(HasSubstr("has no axis")));
}

TEST(Space, RefusesSizesThatAreNoShares) {
  Space space = uneven_space();
  for (const double wrong : {0.0, -1.0, 1.5, std::nan("")}) {
    space.size = [wrong](const Point& point) { return point[0] == 0 ? wrong : 0.5; };
    EXPECT_THAT([&] { require_space(space); },
                ThrowsMessage<UserError>(HasSubstr("size of the smallest point")))
        << wrong;
  }
}

TEST(Space, IdentityIsNamesAndValues) {
  EXPECT_EQ(space_identity(uneven_space()).dump(),
            R"([{"name":"depth","values":[12,15,30]},{"name":"width","values":[512]},)"
            R"({"name":"heads","values":[1,2,3,4]}])");
}

TEST(Moves, NeighboursDifferOnOneAxisAndReachAllOfItsOtherValues) {
  const Space space = uneven_space();
  PythonRandom random(4);
  const Point point = midpoint(space);
  std::set<Point> seen;
  for (int i = 0; i < 300; ++i) {
    const Point other = neighbour(space, point, random);
    int changed = 0;
    for (std::size_t axis = 0; axis < point.size(); ++axis) changed += other[axis] != point[axis];
    ASSERT_EQ(changed, 1);
    ASSERT_TRUE(contains(space, other));
    seen.insert(other);
  }
  EXPECT_EQ(seen.size(), 2U + 3U);
}

TEST(Moves, NothingMovesWhereNothingCan) {
  const Space space{.axes = {{"one", {7}}}, .size = [](const Point&) { return 1; }};
  PythonRandom random(5);
  EXPECT_EQ(neighbour(space, {0}, random), Point{0});
  EXPECT_EQ(first_points(space), std::vector<Point>{{0}});
  EXPECT_EQ(first_points(uneven_space()).size(), 3U);
}

}  // namespace
}  // namespace assay::search
