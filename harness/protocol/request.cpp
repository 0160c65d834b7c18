// JSON form of the request.

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "harness/base/errors.h"
#include "harness/protocol/fields.h"
#include "harness/protocol/fingerprint.h"
#include "harness/protocol/protocol.h"

namespace assay {
namespace {

constexpr std::array kOps = {"fit", "score", "time", "machine", "export"};

Json to_json(const CalibrationRequest& calibration) {
  return {{"data", calibration.data},
          {"sampling", calibration.sampling},
          {"samples", calibration.samples},
          {"tokens", calibration.tokens}};
}

Json to_json(const TrainingRequest& training) {
  return {
      {"data", training.data}, {"items", training.items}, {"subset_seed", training.subset_seed}};
}

Json to_json(const TrainingTextRequest& training) {
  return {{"data", training.data}, {"samples", training.samples}, {"tokens", training.tokens}};
}

Json to_json(const std::vector<AppliedArtefact>& applied) {
  Json list = Json::array();
  for (const AppliedArtefact& one : applied) {
    list.push_back({{"method", one.method}, {"file", one.file}});
  }
  return list;
}

std::int64_t positive(const Fields& fields, const char* key) {
  const std::int64_t value = fields.integer(key);
  if (value <= 0) fields.fail(key, "is not positive");
  return value;
}

CalibrationRequest calibration_from_json(const Json& document) {
  const Fields fields(document, "request.calibration", {"data", "sampling", "samples", "tokens"});
  const std::string sampling = fields.text("sampling");
  if (sampling != "documents" && sampling != "stream" && sampling != "items") {
    fields.fail("sampling", "is '" + sampling + "'; allowed: documents, stream, items");
  }
  return {.data = fields.text("data"),
          .sampling = sampling,
          .samples = positive(fields, "samples"),
          .tokens = positive(fields, "tokens")};
}

std::uint64_t seed_from_json(const Fields& fields, const Json& document, const char* key) {
  if (!document.contains(key) || !document[key].is_number_unsigned()) {
    fields.fail(key, "is not an integer >= 0");
  }
  return document[key].get<std::uint64_t>();
}

std::int64_t count(const Fields& fields, const char* key) {
  const std::int64_t value = fields.integer(key);
  if (value < 0) fields.fail(key, "is negative");
  return value;
}

TrainingRequest training_from_json(const Json& document) {
  const Fields fields(document, "request.training", {"data", "items", "subset_seed"});
  return {.data = fields.text("data"),
          .items = count(fields, "items"),
          .subset_seed = seed_from_json(fields, document, "subset_seed")};
}

TrainingTextRequest training_text_from_json(const Json& document) {
  const Fields fields(document, "request.training_text", {"data", "samples", "tokens"});
  return {.data = fields.text("data"),
          .samples = count(fields, "samples"),
          .tokens = positive(fields, "tokens")};
}

std::vector<AppliedArtefact> applied_from_json(const Json& list) {
  std::vector<AppliedArtefact> applied;
  for (const Json& document : list) {
    const Fields fields(document, "request.applied", {"method", "file"});
    applied.push_back({fields.text("method"), fields.text("file")});
  }
  return applied;
}

std::map<std::string, std::string> inputs_from_json(const Fields& fields) {
  std::map<std::string, std::string> inputs;
  for (const auto& [stage, file] : fields.object("inputs").items()) {
    if (!file.is_string()) fields.fail("inputs", "holds something else than file names");
    inputs[stage] = file.get<std::string>();
  }
  return inputs;
}

std::vector<int> cores_from_json(const Fields& fields) {
  std::vector<int> cores;
  for (const Json& core : fields.array("cores")) {
    if (!core.is_number_integer() || core < 0 || core > 65535) {
      fields.fail("cores", "holds something else than core numbers");
    }
    cores.push_back(core.get<int>());
  }
  return cores;
}

std::string op_from_json(const Fields& fields) {
  std::string op = fields.text("op");
  if (std::find(kOps.begin(), kOps.end(), op) == kOps.end()) {
    fields.fail("op", "is '" + op + "'; allowed: fit, score, time, machine, export");
  }
  return op;
}

void read_subject(const Fields& fields, WorkerRequest& request) {
  request.op = op_from_json(fields);
  request.model_folder = fields.text("model_folder");
  request.model_hash = fields.text("model_hash");
  request.random_weights = fields.boolean("random_weights");
  request.dtype = fields.text("dtype");
  request.device = fields.text("device");
  const std::int64_t threads = positive(fields, "threads");
  if (threads > std::numeric_limits<std::int16_t>::max()) fields.fail("threads", "is too large");
  request.threads = static_cast<int>(threads);
  request.cores = cores_from_json(fields);
}

void read_fit_data(const Fields& fields, WorkerRequest& request) {
  if (fields.has("calibration")) {
    request.calibration = calibration_from_json(fields.object("calibration"));
  }
  if (fields.has("training")) request.training = training_from_json(fields.object("training"));
  if (fields.has("training_text")) {
    if (request.training) fields.fail("training_text", "stands beside 'training'");
    request.training_text = training_text_from_json(fields.object("training_text"));
  }
}

void read_checkpoints(const Fields& fields, WorkerRequest& request) {
  request.checkpoints = fields.text("checkpoints");
  if (!fields.has("checkpoint_s")) return;
  request.checkpoint_s = fields.real("checkpoint_s");
  if (request.checkpoint_s <= 0) fields.fail("checkpoint_s", "is not positive");
}

void read_work(const Fields& fields, WorkerRequest& request) {
  request.method = fields.text("method");
  request.params = fields.object("params");
  request.applied = applied_from_json(fields.array("applied"));
  request.artefact = fields.text("artefact");
  request.stage = fields.text("stage");
  request.inputs = inputs_from_json(fields);
  read_checkpoints(fields, request);
  read_fit_data(fields, request);
  request.suite_kind = fields.text("suite_kind");
  request.suite_params = fields.object("suite_params");
  request.data = fields.text("data");
  if (fields.has("expected")) {
    request.expected = fingerprint_from_json(fields.array("expected"));
  }
  request.scratch = fields.text("scratch");
  if (fields.has("output")) {
    request.output = fields.text("output");
    request.shard_bytes = positive(fields, "shard_bytes");
  }
}

WorkerRequest read_request(const Json& document) {
  const Fields fields(
      document, "request",
      {"v",        "op",          "model_folder",  "model_hash",  "random_weights", "dtype",
       "device",   "threads",     "cores",         "method",      "params",         "seed",
       "applied",  "artefact",    "stage",         "inputs",      "checkpoints",    "calibration",
       "training", "suite_kind",  "suite_params",  "data",        "expected",       "scratch",
       "output",   "shard_bytes", "training_text", "checkpoint_s"});
  const std::int64_t version = fields.integer("v");
  if (version != kProtocolVersion) {
    fields.fail("v", "is " + std::to_string(version) + "; this program speaks version " +
                         std::to_string(kProtocolVersion));
  }
  WorkerRequest request;
  read_subject(fields, request);
  request.seed = seed_from_json(fields, document, "seed");
  read_work(fields, request);
  return request;
}

}  // namespace

Json to_json(const WorkerRequest& request) {
  Json document = {{"v", kProtocolVersion},
                   {"op", request.op},
                   {"model_folder", request.model_folder},
                   {"model_hash", request.model_hash},
                   {"random_weights", request.random_weights},
                   {"dtype", request.dtype},
                   {"device", request.device},
                   {"threads", request.threads},
                   {"cores", request.cores},
                   {"method", request.method},
                   {"params", request.params},
                   {"seed", request.seed},
                   {"applied", to_json(request.applied)},
                   {"artefact", request.artefact},
                   {"stage", request.stage},
                   {"inputs", request.inputs},
                   {"checkpoints", request.checkpoints},
                   {"suite_kind", request.suite_kind},
                   {"suite_params", request.suite_params},
                   {"data", request.data},
                   {"scratch", request.scratch}};
  if (request.calibration) document["calibration"] = to_json(*request.calibration);
  if (request.training) document["training"] = to_json(*request.training);
  if (request.training_text) document["training_text"] = to_json(*request.training_text);
  if (!request.checkpoints.empty()) document["checkpoint_s"] = request.checkpoint_s;
  if (request.expected) document["expected"] = request.expected->values;
  if (!request.output.empty()) {
    document["output"] = request.output;
    document["shard_bytes"] = request.shard_bytes;
  }
  return document;
}

WorkerRequest worker_request_from_json(const Json& document) {
  try {
    return read_request(document);
  } catch (const std::runtime_error& error) {
    throw UserError(error.what());
  }
}

}  // namespace assay
