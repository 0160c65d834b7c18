#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/suite/suite.h"

namespace assay {
namespace {

class NamedKind final : public SuiteKind {
 public:
  explicit NamedKind(std::string name) : name_(std::move(name)) {}
  [[nodiscard]] SuiteKindInfo info() const override {
    SuiteKindInfo info;
    info.name = name_;
    return info;
  }
  void run(SuiteContext& context, const Params& params) const override {}

 private:
  std::string name_;
};

TEST(SuiteRegistry, FindsByNameAndSuggests) {
  SuiteRegistry registry;
  registry.add(std::make_unique<NamedKind>("token_ppl"));
  registry.add(std::make_unique<NamedKind>("decode"));
  EXPECT_EQ(registry.get("decode").info().name, "decode");
  ASSERT_EQ(registry.all().size(), 2U);
  EXPECT_EQ(registry.all()[0]->info().name, "decode");
  try {
    (void)registry.get("token_pl");
    FAIL() << "found";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'token_ppl'"), std::string::npos);
  }
  EXPECT_THROW(registry.add(std::make_unique<NamedKind>("decode")), std::logic_error);
}

TEST(SuiteRegistry, BuiltInKindsDescribeThemselves) {
  SuiteRegistry registry;
  register_builtin_suites(registry);
  EXPECT_FALSE(registry.all().empty());
  for (const SuiteKind* kind : registry.all()) {
    const SuiteKindInfo info = kind->info();
    SCOPED_TRACE(info.name);
    EXPECT_FALSE(info.summary.empty());
    EXPECT_FALSE(info.metrics.empty());
    std::set<std::string> tags;
    for (const MetricDef& def : info.metrics) {
      EXPECT_TRUE(tags.insert(def.tag).second) << def.tag;
      EXPECT_FALSE(def.help.empty()) << def.tag;
      EXPECT_NE(def.basis, Basis::kUndeclared) << def.tag;
      EXPECT_EQ(of_items(def.basis), !def.item_value.empty()) << def.tag;
      EXPECT_EQ(of_items(def.basis), info.stage == Stage::kScore) << def.tag;
    }
    const std::set<std::string> formats = {"", "stream", "items", "labelled"};
    EXPECT_TRUE(formats.contains(info.data_format)) << info.data_format;
  }
}

}  // namespace
}  // namespace assay
