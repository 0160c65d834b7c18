#include "harness/protocol/protocol.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "harness/base/errors.h"
#include "harness/protocol/fingerprint.h"
#include "harness/protocol/item_value.h"

namespace assay {
namespace {

WorkerRequest full_request() {
  WorkerRequest request;
  request.op = "time";
  request.model_folder = "/m";
  request.model_hash = "ab";
  request.random_weights = true;
  request.dtype = "bf16";
  request.device = "cuda:0";
  request.threads = 2;
  request.cores = {0, 3};
  request.method = "wanda";
  request.params = {{"sparsity", 0.1}};
  request.seed = 18446744073709551615ULL;
  request.applied = {{"wanda", "/first"}, {"quantize", "/second"}};
  request.artefact = "/a.safetensors";
  request.stage = "train";
  request.inputs = {{"traces", "/t.safetensors"}};
  request.checkpoints = "/k";
  request.calibration = CalibrationRequest{"/c", "stream", 3, 17};
  request.training = TrainingRequest{"/t", 100, 7};
  request.suite_kind = "decode";
  request.suite_params = {{"batch", 8}};
  request.data = "/d";
  request.expected = Fingerprint{{0.1, -1e300, 5e-324, 1.0 / 3}};
  request.scratch = "/s";
  return request;
}

TEST(WorkerRequest, RoundTripKeepsEverything) {
  const Json document = to_json(full_request());
  const WorkerRequest read = worker_request_from_json(Json::parse(document.dump()));
  EXPECT_EQ(to_json(read), document);
  EXPECT_EQ(read.seed, 18446744073709551615ULL);
  EXPECT_EQ(read.expected->values, full_request().expected->values);
  EXPECT_EQ(read.calibration->tokens, 17);
  EXPECT_EQ(read.training->items, 100);
  EXPECT_EQ(read.applied.at(1).method, "quantize");
  EXPECT_EQ(read.inputs.at("traces"), "/t.safetensors");
  EXPECT_EQ(read.cores, (std::vector<int>{0, 3}));
}

TEST(WorkerRequest, AnExportNamesItsFolder) {
  WorkerRequest request = full_request();
  request.op = "export";
  request.output = "/out";
  request.shard_bytes = 100;
  const Json document = to_json(request);
  EXPECT_EQ(to_json(worker_request_from_json(document)), document);
  EXPECT_EQ(document.at("shard_bytes"), 100);
}

TEST(WorkerRequest, OptionalPartsStayAbsent) {
  WorkerRequest request = full_request();
  request.calibration.reset();
  request.training.reset();
  request.expected.reset();
  const WorkerRequest read = worker_request_from_json(to_json(request));
  EXPECT_FALSE(read.calibration || read.expected || read.training);
}

TEST(WorkerRequest, TrainsOnItemsOrOnText) {
  WorkerRequest request = full_request();
  request.training_text = TrainingTextRequest{"/x", 30, 128};
  EXPECT_THROW((void)worker_request_from_json(to_json(request)), UserError) << "both";
  request.training.reset();
  const WorkerRequest read = worker_request_from_json(to_json(request));
  EXPECT_FALSE(read.training);
  EXPECT_EQ(read.training_text->data, "/x");
  EXPECT_EQ(read.training_text->samples, 30);
  EXPECT_EQ(read.training_text->tokens, 128);
}

TEST(WorkerRequest, TheTimeBetweenCheckpointsIsTheUsualOneUnlessSaid) {
  WorkerRequest request = full_request();
  request.checkpoint_s = 7.5;
  Json document = to_json(request);
  EXPECT_EQ(worker_request_from_json(document).checkpoint_s, 7.5);
  document.erase("checkpoint_s");
  EXPECT_EQ(worker_request_from_json(document).checkpoint_s, 120);
}

struct BadRequest {
  const char* name;
  std::function<void(Json&)> damage;
  const char* word;  ///< that the message must hold
};

class BadRequests : public ::testing::TestWithParam<BadRequest> {};

TEST_P(BadRequests, AreRefusedWithThePlace) {
  Json document = to_json(full_request());
  GetParam().damage(document);
  try {
    worker_request_from_json(document);
    FAIL() << "accepted";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find(GetParam().word), std::string::npos) << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRequests,
    ::testing::Values(
        BadRequest{"array", [](Json& d) { d = Json::array(); }, "not an object"},
        BadRequest{"version", [](Json& d) { d["v"] = 1; }, "version 2"},
        BadRequest{"no_version", [](Json& d) { d.erase("v"); }, "'v' is missing"},
        BadRequest{"unknown", [](Json& d) { d["sparsty"] = 1; }, "'sparsty' is unknown"},
        BadRequest{"missing", [](Json& d) { d.erase("model_folder"); }, "'model_folder'"},
        BadRequest{"op", [](Json& d) { d["op"] = "train"; }, "fit, score, time"},
        BadRequest{"shard_bytes", [](Json& d) { d["output"] = "/out"; }, "'shard_bytes'"},
        BadRequest{"threads", [](Json& d) { d["threads"] = 0; }, "'threads'"},
        BadRequest{"threads_real", [](Json& d) { d["threads"] = 1.5; }, "'threads'"},
        BadRequest{"cores", [](Json& d) { d["cores"] = {-1}; }, "'cores'"},
        BadRequest{"seed", [](Json& d) { d["seed"] = -1; }, "'seed'"},
        BadRequest{"params", [](Json& d) { d["params"] = 3; }, "'params'"},
        BadRequest{"expected", [](Json& d) { d["expected"] = {"x"}; }, "fingerprint"},
        BadRequest{"sampling", [](Json& d) { d["calibration"]["sampling"] = "all"; }, "documents"},
        BadRequest{"checkpoint_s", [](Json& d) { d["checkpoint_s"] = 0; }, "'checkpoint_s'"},
        BadRequest{"items", [](Json& d) { d["training"]["items"] = -1; }, "'items' is negative"},
        BadRequest{"samples", [](Json& d) { d["calibration"]["samples"] = 0; }, "'samples'"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(MetricDef, RoundTripAndRange) {
  const MetricDef def{"acc", "", 1, "lm-eval", "share of right answers"};
  Json document = to_json(def);
  EXPECT_EQ(to_json(metric_def_from_json(document)), document);
  document["direction"] = 2;
  EXPECT_THROW(metric_def_from_json(document), std::runtime_error);
}

TEST(MetricDef, SaysWhatItRestsOn) {
  const MetricDef def{"acc_norm", "", 1, "lm-eval", "", Basis::kShare, "correct_norm"};
  Json document = to_json(def);
  EXPECT_EQ(document.at("basis"), "share");
  const MetricDef read = metric_def_from_json(document);
  EXPECT_EQ(read.basis, Basis::kShare);
  EXPECT_EQ(read.item_value, "correct_norm");
  document["basis"] = "average";
  EXPECT_THROW(metric_def_from_json(document), std::runtime_error);
  EXPECT_FALSE(to_json(MetricDef{}).contains("basis")) << "nobody said";
  for (const Basis basis : {Basis::kUndeclared, Basis::kExact, Basis::kMeasured, Basis::kShare,
                            Basis::kMean, Basis::kExpMean}) {
    EXPECT_EQ(basis_from_name(basis_name(basis)), basis);
  }
}

TEST(ItemValue, IsFoundByName) {
  ItemScore item{3, "h", false, 2.0, 6.0, std::nullopt, 4, "", {{"correct_norm", 1.0}}};
  EXPECT_EQ(item_value(item, "correct"), 0.0);
  EXPECT_EQ(item_value(item, "score"), 2.0);
  EXPECT_EQ(item_value(item, "nll"), 6.0);
  EXPECT_EQ(item_value(item, "nll_per_token"), 1.5);
  EXPECT_EQ(item_value(item, "kld"), std::nullopt);
  EXPECT_EQ(item_value(item, "correct_norm"), 1.0);
  EXPECT_EQ(item_value(item, "other"), std::nullopt);
  item.tokens = 0;
  EXPECT_EQ(item_value(item, "nll_per_token"), std::nullopt);
}

TEST(Fingerprint, DistanceIsRelativeToTheLargest) {
  const Fingerprint a{{10, -20, 0}}, b{{10, -20, 0.2}};
  EXPECT_EQ(fingerprint_distance(a, a), 0);
  EXPECT_DOUBLE_EQ(fingerprint_distance(a, b), 0.01);
}

TEST(Fingerprint, DistanceOfIncomparableIsInfinite) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(fingerprint_distance({{1}}, {{1, 2}}), infinity);
  EXPECT_EQ(fingerprint_distance({{std::nan("")}}, {{1}}), infinity);
  EXPECT_EQ(fingerprint_distance({{infinity}}, {{infinity}}), infinity);
  EXPECT_EQ(fingerprint_distance({{0}}, {{1}}), infinity);
}

TEST(Fingerprint, ATimedProcessMaySayThatRoundingDoesMoreWithinBounds) {
  WorkerReply timed;
  EXPECT_EQ(allowed_by(timed, "fp32"), fingerprint_tolerance("fp32"));
  timed.samples.push_back({"probe/allowed", 0, 3e-3, false});
  EXPECT_EQ(allowed_by(timed, "fp32"), 3e-3);
  timed.samples.back().value = 1e-9;
  EXPECT_EQ(allowed_by(timed, "fp32"), fingerprint_tolerance("fp32"));
  timed.samples.back().value = 5;
  EXPECT_EQ(allowed_by(timed, "fp32"), kMostFingerprintTolerance);
}

TEST(Fingerprint, ToleranceByDtype) {
  EXPECT_LT(fingerprint_tolerance("fp32"), fingerprint_tolerance("bf16"));
  EXPECT_THROW(fingerprint_tolerance("fp8"), std::invalid_argument);
}

}  // namespace
}  // namespace assay
