#include "harness/train/training_state.h"

#include <fmt/format.h>

#include <map>
#include <span>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/hashing.h"
#include "harness/method/tensor_file.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr const char* kVersion = "1";

/// The lists of tensors of a state, by the prefix of their names in the file.
template <typename State, typename Visit>
void visit_lists(State& state, Visit visit) {
  visit("tensor", state.tensors);
  visit("first", state.first);
  visit("second", state.second);
  visit("steps", state.steps);
  visit("best", state.best_tensors);
  visit("generator", state.generators);
}

Json to_json(const HeldOutPoint& point) { return Json::array({point.step, point.value}); }

Json to_json(const CurvePoint& point) {
  return Json::array({point.step, point.loss, point.learning_rate, point.gradient_norm});
}

template <typename Points>
Json list_of(const Points& points) {
  Json all = Json::array();
  for (const auto& point : points) all.push_back(to_json(point));
  return all;
}

Json numbers_of(const TrainingState& state) {
  Json counts = Json::object();
  visit_lists(state, [&](const char* name, const auto& list) { counts[name] = list.size(); });
  return {{"step", state.step},
          {"finished", state.finished},
          {"seconds", state.seconds},
          {"curve_sum", state.curve_sum},
          {"curve_steps", state.curve_steps},
          {"curve", list_of(state.curve)},
          {"held_out", list_of(state.held_out)},
          {"best", state.best ? to_json(*state.best) : Json()},
          {"counts", counts}};
}

HeldOutPoint held_out_point(const Json& json) {
  return {json.at(0).get<std::int64_t>(), json.at(1).get<double>()};
}

CurvePoint curve_point(const Json& json) {
  return {json.at(0).get<std::int64_t>(), json.at(1).get<double>(), json.at(2).get<double>(),
          json.at(3).get<double>()};
}

TrainingState state_of(const Json& json) {
  TrainingState state;
  state.step = json.at("step").get<std::int64_t>();
  state.finished = json.at("finished").get<bool>();
  state.seconds = json.at("seconds").get<double>();
  state.curve_sum = json.at("curve_sum").get<double>();
  state.curve_steps = json.at("curve_steps").get<std::int64_t>();
  for (const Json& point : json.at("curve")) state.curve.push_back(curve_point(point));
  for (const Json& point : json.at("held_out")) state.held_out.push_back(held_out_point(point));
  if (!json.at("best").is_null()) state.best = held_out_point(json.at("best"));
  return state;
}

std::string tensor_name(const char* list, std::size_t index) {
  return fmt::format("{}.{}", list, index);
}

std::string checksum(const TensorFile& file) {
  Sha256 hash;
  for (const char* key : {"assay_training", "configuration", "state", "threads"}) {
    hash.update(file.metadata.at(key));
    hash.update("\n");
  }
  for (const auto& [name, tensor] : file.tensors) {
    const at::Tensor local = tensor.cpu().contiguous();
    hash.update(name);
    hash.update(std::span(static_cast<const std::byte*>(local.const_data_ptr()), local.nbytes()));
  }
  return hash.hex();
}

[[noreturn]] void fail(const fs::path& path, const std::string& problem) {
  throw FileError(fmt::format("{}: damaged checkpoint of a training: {}", path.string(), problem));
}

void require_same(const fs::path& path, const Json& stored, const Json& asked) {
  if (stored == asked) return;
  const Json differences = Json::diff(asked, stored);
  const std::string place = differences.at(0).at("path").get<std::string>();
  const auto value = [&](const Json& all) {
    const Json::json_pointer pointer(place);
    return all.contains(pointer) ? all.at(pointer).dump() : std::string("absent");
  };
  throw UserError(fmt::format(
      "{}: checkpoint of another training: {} is {} there and {} here; remove it to begin anew, or "
      "keep the two trainings in folders of their own",
      path.string(), place, value(stored), value(asked)));
}

void fill_tensors(TensorFile& file, const Json& counts, TrainingState& state) {
  visit_lists(state, [&](const char* name, std::vector<at::Tensor>& list) {
    for (std::size_t i = 0; i < counts.at(name).get<std::size_t>(); ++i) {
      list.push_back(file.tensors.at(tensor_name(name, i)));
    }
  });
}

StoredTraining checked(const fs::path& path, TensorFile file, const Json& configuration) {
  if (file.metadata["assay_training"] != kVersion) fail(path, "of another version");
  const std::string sum = file.metadata.at("checksum");
  if (sum != checksum(file)) fail(path, "content differs from its checksum");
  require_same(path, parse_json(file.metadata.at("configuration"), path.string()), configuration);
  const Json numbers = parse_json(file.metadata.at("state"), path.string());
  StoredTraining stored{state_of(numbers), std::stoi(file.metadata.at("threads"))};
  fill_tensors(file, numbers.at("counts"), stored.state);
  return stored;
}

/// What kills left while write_tensor_file() was at it.
void remove_half_written(const fs::path& path) {
  std::error_code unreadable;  // a folder that is not there has none
  for (const auto& entry : fs::directory_iterator(path.parent_path(), unreadable)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("." + path.filename().string() + ".")) continue;
    std::error_code ignored;
    fs::remove(entry.path(), ignored);
  }
}

}  // namespace

void save_training_state(const fs::path& path, const TrainingState& state,
                         const TrainingConfiguration& configuration, int threads) {
  TensorFile file;
  visit_lists(state, [&](const char* name, const std::vector<at::Tensor>& list) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      file.tensors[tensor_name(name, i)] = list[i].detach();
    }
  });
  file.metadata = {{"assay_training", kVersion},
                   {"configuration", configuration.dump()},
                   {"state", numbers_of(state).dump()},
                   {"threads", std::to_string(threads)}};
  file.metadata["checksum"] = checksum(file);
  write_tensor_file(path, file);
}

std::optional<StoredTraining> load_training_state(const fs::path& path,
                                                  const TrainingConfiguration& configuration) {
  remove_half_written(path);
  if (!fs::exists(path)) return std::nullopt;
  TensorFile file = read_tensor_file(path);
  try {
    return checked(path, std::move(file), configuration);
  } catch (const Json::exception& error) {
    fail(path, error.what());
  } catch (const std::out_of_range&) {
    fail(path, "a part is missing");
  }
}

}  // namespace assay
