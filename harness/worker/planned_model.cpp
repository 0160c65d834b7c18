#include "harness/worker/planned_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "harness/base/cell_errors.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/worker/failure.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr int kReadings = 3;

[[noreturn]] void fail_changed(const std::string& what) {
  throw OutcomeFound({.outcome = Outcome::kInvalid,
                      .code = "model_changed",
                      .text = what + "; run it again to measure the model that is there now"});
}

bool all_settled(const std::map<std::string, FileIdentity>& state, std::int64_t now) {
  return std::all_of(state.begin(), state.end(),
                     [&](const auto& file) { return file.second.settled(now); });
}

}  // namespace

/// Of every file that a model is read from.
PlannedModel::State PlannedModel::state() const {
  State files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const fs::path extension = entry.path().extension();
    if (extension != ".json" && extension != ".safetensors") continue;
    if (!fs::is_regular_file(entry.path(), error)) continue;
    try {
      files[entry.path().filename().string()] = file_identity(entry.path());
    } catch (const UserError&) {
      continue;  // gone meanwhile: it is missing from this state, which is what counts
    }
  }
  return files;
}

void PlannedModel::require_planned() const {
  const std::string found =
      from_files([&] { return Checkpoint::open(folder_, weights_).content_hash(); });
  if (found != hash_) {
    fail_changed(fmt::format("{} holds another model ({}) than was planned ({})",
                             folder_.lexically_normal().string(), found.substr(0, 12),
                             hash_.substr(0, 12)));
  }
}

Model PlannedModel::load(const LoadOptions& options) {
  if (hash_.empty()) return from_files([&] { return Model::load(folder_, options); });
  for (int reading = 0; reading < kReadings; ++reading) {
    const std::int64_t now = system_clock_ns();
    const State before = state();
    require_planned();
    std::optional<Model> model;
    try {
      model.emplace(from_files([&] { return Model::load(folder_, options); }));
    } catch (const UserError&) {
      if (state() == before) throw;
      continue;
    }
    // Files that are too young to show a change by their identity are hashed once more.
    if (!all_settled(before, now)) require_planned();
    if (state() != before) continue;
    loaded_ = before;
    return std::move(*model);
  }
  fail_changed(fmt::format("{} changes while it is read", folder_.string()));
}

void PlannedModel::require_unchanged() const {
  if (hash_.empty() || state() == loaded_) return;
  fail_changed(fmt::format("{} has changed since the model was loaded", folder_.string()));
}

}  // namespace assay
