#include "harness/method/conformance.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <random>
#include <set>

#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "harness/data/training_text.h"
#include "harness/method/artefact.h"
#include "harness/method/masks.h"
#include "harness/method/recording_context.h"
#include "harness/method/requirements.h"
#include "harness/method/sparsity.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kSamples = 6;
constexpr std::int64_t kTokens = 24;
constexpr std::int64_t kPromptTokens = 10;
constexpr double kBatchTolerance = 1e-4;
/// `<=` thresholds with ties, and rows that the ratio does not divide, on matrices of 1,000
/// weights.
constexpr double kSparsityTolerance = 0.02;

at::Tensor random_tokens(std::int64_t vocab, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  at::Tensor tokens = at::empty({kSamples, kTokens}, at::TensorOptions().dtype(at::kLong));
  auto* values = tokens.mutable_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < tokens.numel(); ++i) {
    values[i] = static_cast<std::int64_t>(engine() % static_cast<std::uint64_t>(vocab));
  }
  return tokens;
}

/// One sample a window.
TrainingText as_text(const at::Tensor& tokens) {
  const at::Tensor flat = tokens.to(at::kInt).contiguous();
  const auto* values = flat.const_data_ptr<std::int32_t>();
  return {.tokens = {values, values + flat.numel()}, .window = tokens.size(1)};
}

at::Tensor logits_of(const Model& model, const at::Tensor& tokens) {
  return model.logits(model.hidden(tokens, nullptr, kPromptTokens));
}

bool same_artefact(const Artefact& a, const Artefact& b) {
  if (a.plan != b.plan || a.tensors.size() != b.tensors.size()) return false;
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end() || other->second.scalar_type() != tensor.scalar_type() ||
        !at::equal(tensor, other->second)) {
      return false;
    }
  }
  return true;
}

/// Path and content hash of every file under a folder.
std::set<std::string> listing(const fs::path& folder) {
  std::set<std::string> entries;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const bool file = entry.is_regular_file();
    entries.insert(entry.path().string() + (file ? " " + sha256_file(entry.path()) : ""));
  }
  return entries;
}

/// Zeros over all weights of the layers' linears that still are dense.
double share_of_zeros(const Model& model) {
  std::int64_t zeros = 0, weights = 0;
  for (const Layer& layer : model.layers()) {
    for (const Slot slot : layer.slots()) {
      const auto* dense = dynamic_cast<const DenseLinear*>(&layer.linear(slot));
      if (dense == nullptr) continue;
      zeros += dense->weight().eq(0).sum().item<std::int64_t>();
      weights += dense->weight().numel();
    }
  }
  return weights == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(weights);
}

class Kit {
 public:
  Kit(const Method& method, const fs::path& model_folder)
      : method_(method),
        info_(method.info()),
        folder_(model_folder),
        model_(Model::load(model_folder, LoadOptions{})),
        tokens_(random_tokens(model_.spec().vocab, 7)),
        text_(as_text(tokens_)),
        probe_(random_tokens(model_.spec().vocab, 8)),
        dense_(logits_of(model_, probe_)) {}

  void check_info() {
    const MethodInfo again = method_.info();
    expect(!info_.name.empty() && !info_.summary.empty(), "info() lacks a name or a summary");
    expect(info_.artefact_version >= 1, "artefact_version must be at least 1");
    expect(info_.name == again.name && info_.summary == again.summary &&
               info_.params.size() == again.params.size(),
           "info() is not the same each time");
    for (const ParamSpec& spec : info_.params) {
      expect(!spec.help.empty(), "parameter '" + spec.name + "' has no help");
      expect(spec.default_value.is_null() || !value_problem(spec, spec.default_value),
             "the default of parameter '" + spec.name + "' is not allowed");
    }
  }

  void check_identity(const Json& given) {
    if (given.is_null() || is_unmet(given)) return;
    label_ = "identity " + given.dump() + ": ";
    const Params params(info_.params, given);
    RecordingContext context(calibration(params), 0, folder_);
    context.text_for_training = &text_;
    const Artefact artefact = method_.fit(model_, context, params);
    expect(at::equal(logits_after(artefact), dense_), "the logits differ from the dense model's");
  }

  void check_case(const Json& given) {
    if (is_unmet(given)) return;
    label_ = "case " + given.dump() + ": ";
    const Params params(info_.params, given);
    RecordingContext context(calibration(params), 5, folder_);
    context.text_for_training = &text_;
    const std::set<std::string> before = listing(folder_);
    const Artefact artefact = method_.fit(model_, context, params);
    expect(context.asked_for_calibration() == info_.needs.calibration_for(params),
           "looks at calibration data in other settings than its needs say");
    expect(listing(folder_) == before, "fitting changed files in the model's folder");
    expect(at::equal(logits_of(model_, probe_), dense_), "fitting changed the model");
    check_repeatable(artefact, params);
    check_round_trip(artefact, params);
    check_sparsity(artefact, params, context);
    check_batches(artefact);
  }

  [[nodiscard]] std::vector<std::string> take() { return std::move(problems_); }

 private:
  void expect(bool holds, const std::string& problem) {
    if (!holds) problems_.push_back(info_.name + ": " + label_ + problem);
  }

  [[nodiscard]] at::Tensor calibration(const Params& params) const {
    return info_.needs.calibration_for(params) ? tokens_ : at::Tensor();
  }

  bool is_unmet(const Json& given) {
    std::vector<std::string> reasons = unmet_requirements(info_.requires_, traits(model_.spec()));
    for (std::string& reason : unmet_training()) reasons.push_back(std::move(reason));
    const auto more = method_.unmet(model_.spec(), Params(info_.params, given));
    reasons.insert(reasons.end(), more.begin(), more.end());
    for (const std::string& reason : reasons) expect(!reason.empty(), "an unmet reason is empty");
    return !reasons.empty();
  }

  /// Why the method cannot train this model on text, where it trains at all.
  [[nodiscard]] std::vector<std::string> unmet_training() const {
    if (info_.needs.training.empty()) return {};
    const TrainingNeed* need = find_training(info_.needs.training, kTextData);
    if (need == nullptr) return {"the kit has no data that it trains on"};
    return unmet_requirements(need->requires_, traits(model_.spec()));
  }

  at::Tensor logits_after(const Artefact& artefact) {
    Model changed = model_.clone();
    method_.apply(changed, artefact);
    return logits_of(changed, probe_);
  }

  void check_repeatable(const Artefact& artefact, const Params& params) {
    RecordingContext again(calibration(params), 5, folder_);
    again.text_for_training = &text_;
    expect(same_artefact(artefact, method_.fit(model_, again, params)),
           "the same seed gave another artefact");
    const int threads = at::get_num_threads();
    at::set_num_threads(threads == 1 ? 2 : 1);
    RecordingContext other(calibration(params), 5, folder_);
    other.text_for_training = &text_;
    expect(same_decisions(artefact, method_.fit(model_, other, params)),
           "another number of threads gave another artefact");
    at::set_num_threads(threads);
  }

  /// Whole numbers and masks equal; real numbers equal up to the order of summation.
  static bool same_decisions(const Artefact& a, const Artefact& b) {
    if (a.tensors.size() != b.tensors.size()) return false;
    for (const auto& [name, tensor] : a.tensors) {
      const auto other = b.tensors.find(name);
      if (other == b.tensors.end() || other->second.sizes() != tensor.sizes()) return false;
      const bool real = at::isFloatingType(tensor.scalar_type());
      if (real ? !tensor.eq(0).equal(other->second.eq(0)) ||
                     !tensor.allclose(other->second, 1e-3, 1e-5)
               : !at::equal(tensor, other->second)) {
        return false;
      }
    }
    return true;
  }

  void check_round_trip(const Artefact& artefact, const Params& params) {
    RecordingContext place({}, 0, {});
    const fs::path file = place.scratch() / "artefact.safetensors";
    save_artefact(file, {info_.name, info_.artefact_version, params.json(), "model"}, artefact);
    const auto [header, loaded] = load_artefact(file);
    require_artefact_of(header, info_, "model", file.string());
    expect(same_artefact(artefact, loaded), "saving and loading changed the artefact");
    expect(at::equal(logits_after(artefact), logits_after(loaded)),
           "fit -> save -> load -> apply differs from fit -> apply");
  }

  void check_sparsity(const Artefact& artefact, const Params& params, RecordingContext& context) {
    const auto reported = context.metrics.find("achieved_sparsity");
    if (reported == context.metrics.end()) return;
    Model changed = model_.clone();
    method_.apply(changed, artefact);
    const double zeros = share_of_zeros(changed);
    expect(std::abs(zeros - reported->second) < 1e-9,
           fmt::format("achieved_sparsity is reported as {}, the model has {}", reported->second,
                       zeros));
    if (!params.json().contains("sparsity") || !params.json().contains("pattern")) return;
    const double asked = sparsity_target(params).ratio;
    for (const auto& [name, value] : context.metrics) {
      if (!name.starts_with("achieved_sparsity")) continue;
      expect(std::abs(value - asked) <= kSparsityTolerance,
             fmt::format("{} = {}, asked for {}", name, value, asked));
    }
  }

  void check_batches(const Artefact& artefact) {
    Model changed = model_.clone();
    method_.apply(changed, artefact);
    const at::Tensor together = logits_of(changed, probe_);
    const at::Tensor alone = logits_of(changed, probe_.narrow(0, kSamples - 1, 1));
    const at::Tensor last = together.narrow(0, (kSamples - 1) * kTokens, kTokens);
    const double scale = together.abs().max().item<double>();
    const double difference = (alone - last).abs().max().item<double>();
    expect(difference <= kBatchTolerance * scale,
           fmt::format("a sequence alone and in a batch differ by {} of {}", difference, scale));
  }

  const Method& method_;
  MethodInfo info_;
  fs::path folder_;
  Model model_;
  at::Tensor tokens_;
  TrainingText text_;
  at::Tensor probe_, dense_;
  std::string label_;
  std::vector<std::string> problems_;
};

/// An empty working and home folder for the time of the checks; anything that appears is a leak.
class WatchedFolder {
 public:
  WatchedFolder() : context_({}, 0, {}), before_(fs::current_path()) {
    fs::current_path(context_.scratch());
  }
  ~WatchedFolder() { fs::current_path(before_); }
  WatchedFolder(const WatchedFolder&) = delete;
  WatchedFolder& operator=(const WatchedFolder&) = delete;
  [[nodiscard]] bool empty() const { return fs::is_empty(context_.scratch()); }

 private:
  RecordingContext context_;
  fs::path before_;
};

}  // namespace

ConformanceCases read_conformance_cases(const fs::path& method_folder) {
  const fs::path path = method_folder / "conformance.json";
  const Json document = read_json_file(path);
  ConformanceCases cases;
  if (document.is_object()) {
    cases.identity = document.value("identity", Json());
    for (const Json& one : document.value("cases", Json::array())) cases.cases.push_back(one);
  }
  if (cases.cases.empty()) {
    throw UserError(path.string() +
                    ": needs \"cases\", a list with at least one object of "
                    "parameters");
  }
  return cases;
}

std::vector<std::string> conformance_problems(const Method& method, const ConformanceCases& cases,
                                              const fs::path& model_folder) {
  const at::NoGradGuard as_in_the_worker;
  const WatchedFolder watched;
  Kit kit(method, fs::absolute(model_folder));
  kit.check_info();
  kit.check_identity(cases.identity);
  for (const Json& one : cases.cases) kit.check_case(one);
  std::vector<std::string> problems = kit.take();
  if (!watched.empty()) {
    problems.push_back(method.info().name + ": wrote files outside the scratch folder");
  }
  return problems;
}

}  // namespace assay
