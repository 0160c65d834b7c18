#include "harness/data/class_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/cell_errors.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(ClassNames, SpellingMakesNoDifference) {
  EXPECT_TRUE(same_class("Not Entailment", "not_entailment"));
  EXPECT_FALSE(same_class("entailment", "not_entailment"));
  EXPECT_NO_THROW(require_same_classes(2, {"NEGATIVE", "Positive"}, {"negative", "positive"}));
  EXPECT_NO_THROW(require_same_classes(2, {"LABEL_0", "LABEL_1"}, {"negative", "positive"}));
}

TEST(ClassNames, AnotherNumberDoesNotApplyAndAnotherOrderMisleads) {
  EXPECT_THAT(
      [] {
        require_same_classes(3, {"a", "b", "c"}, {"a", "b"});
      },
      ThrowsMessage<DoesNotApply>(
          HasSubstr("has 3 classes (a, b, c), the data have 2 classes (a, b); ")));
  EXPECT_THAT(
      [] {
        require_same_classes(2, {"b", "a"}, {"a", "b"});
      },
      ThrowsMessage<Misleading>(HasSubstr("the same in another order")));
  EXPECT_THAT(
      [] {
        require_same_classes(2, {"a", "c"}, {"a", "b"});
      },
      ThrowsMessage<Misleading>(HasSubstr("nobody can tell which is which")));
}

}  // namespace
}  // namespace assay
