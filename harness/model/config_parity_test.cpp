// Spellings of config.json against transformers: the goldens of scripts/golden/config_parity.py,
// and any model under ASSAY_MODELS that says what is expected of it.

#include <ATen/ops/log_softmax.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "harness/base/cell_errors.h"
#include "harness/checkpoint/test_files.h"
#include "harness/model/model.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

constexpr double kSameLoss = 1e-6;
constexpr double kSameLogits = 1e-4;

at::Tensor all_logits(const Model& model, const at::Tensor& ids) {
  return model.logits(model.hidden(ids.unsqueeze(0)));
}

// Token by token through the cache.
at::Tensor step_logits(const Model& model, const at::Tensor& ids) {
  KvCache cache(model.spec(), 1, ids.size(0), at::kFloat, at::kCPU);
  at::Tensor last;
  for (std::int64_t i = 0; i < ids.size(0); ++i) {
    last = model.logits(model.hidden_step(ids.narrow(0, i, 1).unsqueeze(0), cache));
  }
  return last[0];
}

double mean_loss(const at::Tensor& logits, const at::Tensor& ids) {
  const std::int64_t count = ids.size(0) - 1;
  const at::Tensor logs = at::log_softmax(logits.narrow(0, 0, count), 1, at::kDouble);
  return -logs.gather(1, ids.narrow(0, 1, count).unsqueeze(1)).mean().item<double>();
}

double relative_loss(const Model& model, const at::Tensor& ids, double expected) {
  return std::abs(mean_loss(all_logits(model, ids), ids) / expected - 1);
}

at::Tensor ids_of(const Json& json) {
  return at::tensor(json.get<std::vector<std::int64_t>>(), at::kLong);
}

fs::path folder_of_goldens() { return source_dir() / "tests" / "data" / "model_configs"; }

/// "llama/llama_yarn" -> its variant.
struct Variant {
  std::string family;
  Json json;
  at::Tensor ids;
};

std::vector<std::string> variant_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_of_goldens())) {
    if (entry.path().extension() != ".json") continue;
    const Json document = read_json_file(entry.path());
    for (const Json& variant : document.at("variants")) {
      names.push_back(entry.path().stem().string() + "/" + variant.at("name").get<std::string>());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Variant read_variant(const std::string& name) {
  const std::string family = fs::path(name).parent_path(), own = fs::path(name).filename();
  const Json document = read_json_file(folder_of_goldens() / (family + ".json"));
  for (const Json& variant : document.at("variants")) {
    if (variant.at("name") == own) return {family, variant, ids_of(document.at("ids"))};
  }
  throw std::runtime_error("no variant " + name);
}

class ConfigParity : public testing::TestWithParam<std::string> {
 protected:
  Model load(const Variant& variant) const {
    write_bytes(folder_.path() / "config.json", variant.json.at("config").dump());
    fs::copy_file(folder_of_goldens() / (variant.family + ".safetensors"),
                  folder_.path() / "model.safetensors");
    return Model::load(folder_.path(), {});
  }

 private:
  TemporaryFolder folder_;
};

TEST_P(ConfigParity, EqualsTransformers) {
  const Variant variant = read_variant(GetParam());
  const Model model = load(variant);
  EXPECT_LE(relative_loss(model, variant.ids, variant.json.at("nll").get<double>()), kSameLoss);
  const auto logits = variant.json.at("logits").get<std::vector<double>>();
  const at::Tensor expected = at::tensor(logits, at::kDouble);
  std::vector<at::Tensor> last = {all_logits(model, variant.ids)[-1]};
  if (variant.json.value("cached", true)) {
    last.push_back(step_logits(model, variant.ids));
  } else {
    EXPECT_THAT([&] { (void)step_logits(model, variant.ids); },
                testing::ThrowsMessage<DoesNotApply>(testing::HasSubstr("grows in a cache")));
  }
  for (const at::Tensor& found : last) {
    const at::Tensor first = found.narrow(0, 0, expected.size(0)).to(at::kDouble);
    EXPECT_LE(first.sub(expected).abs().max().item<double>(), kSameLogits);
  }
}

TEST_P(ConfigParity, SaysWhatIsUnusual) {
  const Variant variant = read_variant(GetParam());
  std::vector<testing::Matcher<std::string>> expected;
  for (const Json& text : variant.json.at("remarks")) {
    expected.emplace_back(testing::HasSubstr(text.get<std::string>()));
  }
  std::vector<std::string> found;
  const Model model = load(variant);
  for (const ModelWarning& warning : model.warnings()) {
    found.push_back(warning.text);
  }
  EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected));
}

INSTANTIATE_TEST_SUITE_P(Variants, ConfigParity, testing::ValuesIn(variant_names()),
                         [](const auto& test) { return fs::path(test.param).filename().string(); });

// {"ids": [...], "nll": ...} beside a model.
TEST(ExpectedOfModels, LossIsTheStatedOne) {
  const std::string models = environment_or("ASSAY_MODELS", "");
  if (models.empty()) GTEST_SKIP() << "ASSAY_MODELS is not set";
  int count = 0;
  for (const auto& entry : fs::directory_iterator(models)) {
    if (!fs::exists(entry.path() / "expected.json")) continue;
    ++count;
    const Json expected = read_json_file(entry.path() / "expected.json");
    const Model model = Model::load(entry.path(), {});
    const double apart =
        relative_loss(model, ids_of(expected.at("ids")), expected.at("nll").get<double>());
    std::printf("loss %-24s relative %.2e\n", entry.path().filename().c_str(), apart);
    for (const ModelWarning& warning : model.warnings()) {
      std::printf("     %s: %s\n", warning.code.c_str(), warning.text.c_str());
    }
    EXPECT_LE(apart, kSameLoss) << entry.path();
  }
  if (count == 0) GTEST_SKIP() << "no model under ASSAY_MODELS has an expected.json";
}

}  // namespace
}  // namespace assay
