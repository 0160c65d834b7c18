#include "harness/contextual/trace_file.h"

#include <fmt/format.h>

#include <stdexcept>
#include <system_error>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/write_failure.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr int kVersion = 2;

/// Throws FileError that names the first difference.
void require_same(const Json& stored, const Json& identity) {
  if (stored.at("version") != kVersion) throw FileError("it is of another version");
  if (stored.at("identity") == identity) return;
  const Json differences = Json::diff(identity, stored.at("identity"));
  throw FileError(
      fmt::format("it is of something else: {} differs", differences[0].at("path").dump()));
}

void discard(const fs::path& file) {
  std::error_code error;
  fs::remove_all(file, error);
  if (error) fail_write(file, error.value());
}

}  // namespace

TraceFile::TraceFile(const fs::path& folder, Json identity)
    : folder_(ensure_folder(folder)), identity_(std::move(identity)) {
  resume();
  remove_strangers();
}

void TraceFile::resume() {
  if (!fs::exists(head())) return;
  try {
    adopt(read_json_file(head()));
  } catch (const UserError& error) {
    begin_anew(error.what());
  } catch (const Json::exception& error) {
    begin_anew(error.what());
  }
}

void TraceFile::adopt(const Json& stored) {
  require_same(stored, identity_);
  const auto sequences = stored.at("sequences").get<std::int64_t>();
  if (sequences < 0) throw FileError("it holds fewer sequences than none");
  for (const auto& [name, column] : stored.at("columns").items()) {
    columns_.try_emplace(name, file_of(name), column);
  }
  sequences_ = committed_ = sequences;
}

void TraceFile::begin_anew(const std::string& because) {
  dropped_ = fmt::format("{}: the trace begins anew: {}", folder_.string(), because);
  columns_.clear();
  discard(head());  // before the columns: without it there is no trace
}

/// What another trace had, and what kills left half written. Files go by their names: whoever has
/// one mapped keeps it.
void TraceFile::remove_strangers() const {
  std::set<fs::path> ours;
  if (fs::exists(head())) ours.insert(head());
  for (const auto& [name, column] : columns_) ours.insert(file_of(name));
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (!ours.contains(entry.path())) discard(entry.path());
  }
}

void TraceFile::append(const std::string& column, const at::Tensor& rows) {
  auto found = columns_.find(column);
  if (found == columns_.end()) {
    if (sequences_ > 0) throw std::logic_error(column + ": a column that the first sequence lacks");
    found = columns_.try_emplace(column, file_of(column), row_of(rows), 0).first;
  }
  if (!filled_.insert(column).second) {
    throw std::logic_error(column + ": a sequence adds to a column once");
  }
  found->second.append(rows);
}

void TraceFile::end_sequence() {
  for (const auto& [name, column] : columns_) {
    if (!filled_.contains(name)) {
      throw std::logic_error(name + ": a sequence adds to each column");
    }
  }
  filled_.clear();
  ++sequences_;
}

void TraceFile::commit() {
  if (committed_ == sequences_) return;
  Json columns = Json::object();
  for (const auto& [name, column] : columns_) {
    column.sync();
    columns[name] = column.to_json();
  }
  const Json all{{"version", kVersion},
                 {"identity", identity_},
                 {"columns", columns},
                 {"sequences", sequences_}};
  write_file_atomically(head(), all.dump(1) + "\n");
  committed_ = sequences_;
}

std::map<std::string, at::Tensor> TraceFile::columns() const {
  std::map<std::string, at::Tensor> all;
  for (const auto& [name, column] : columns_) all[name] = column.mapped();
  return all;
}

}  // namespace assay
