#include "harness/suite/score_log.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/measure/memory.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// A record: its body's length (8 bytes, of this machine's order), the body, and the first
/// characters of its SHA-256.
constexpr std::size_t kLength = sizeof(std::uint64_t), kCheck = 16;

std::string check_of(std::string_view body) { return sha256_hex(body).substr(0, kCheck); }

std::string record_of(const std::string& body) {
  const std::uint64_t length = body.size();
  std::string record(kLength, '\0');
  std::memcpy(record.data(), &length, kLength);
  return record + body + check_of(body);
}

/// The body at the beginning of `text`; nothing where it is not whole.
std::optional<std::string_view> body_in(std::string_view text) {
  std::uint64_t length = 0;
  if (text.size() < kLength + kCheck) return std::nullopt;
  std::memcpy(&length, text.data(), kLength);
  if (length > text.size() - kLength - kCheck) return std::nullopt;
  const std::string_view body = text.substr(kLength, length);
  if (text.substr(kLength + length, kCheck) != check_of(body)) return std::nullopt;
  return body;
}

std::size_t record_size(std::string_view body) { return kLength + body.size() + kCheck; }

/// Below 0 where it cannot be this program's alone.
Descriptor opened(const fs::path& file) {
  try {
    ensure_folder(file.parent_path());
  } catch (const std::exception&) {
    return Descriptor(-1);
  }
  Descriptor log(::open(file.c_str(), O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0644));
  if (log.get() < 0 || ::flock(log.get(), LOCK_EX | LOCK_NB) != 0) return Descriptor(-1);
  return log;
}

std::string text_of(const fs::path& file) {
  try {
    return read_text_file(file);
  } catch (const UserError&) {
    return "";
  }
}

}  // namespace

ScoreLog::ScoreLog(const fs::path& file, const std::string& identity) : file_(opened(file)) {
  if (file_.get() < 0) return;
  const std::size_t whole = read(text_of(file), identity);
  if (::ftruncate(file_.get(), static_cast<off_t>(whole)) != 0) {
    file_.close();
  } else if (whole == 0) {
    append(identity);
  }
}

std::size_t ScoreLog::read(std::string_view text, const std::string& identity) {
  if (body_in(text) != identity) return 0;
  std::size_t at = record_size(identity);
  while (const auto body = body_in(text.substr(at))) {
    Batch batch;
    if (body->size() < sizeof batch.peak_bytes) break;
    std::memcpy(&batch.peak_bytes, body->data(), sizeof batch.peak_bytes);
    const std::string_view numbers = body->substr(sizeof batch.peak_bytes);
    batch.numbers.resize(numbers.size() / sizeof(double));
    std::memcpy(batch.numbers.data(), numbers.data(), batch.numbers.size() * sizeof(double));
    known_.push_back(std::move(batch));
    at += record_size(*body);
  }
  return at;
}

void ScoreLog::append(const std::string& body) {
  if (file_.get() < 0) return;
  // A full disk ends the keeping, not the score: half a record is no whole one.
  if (write_all(file_.get(), record_of(body)) != 0) file_.close();
}

void ScoreLog::keep(const std::vector<double>& numbers) {
  const std::int64_t peak = peak_rss_bytes().value_or(0);
  std::string body(sizeof peak + numbers.size() * sizeof(double), '\0');
  std::memcpy(body.data(), &peak, sizeof peak);
  std::memcpy(body.data() + sizeof peak, numbers.data(), numbers.size() * sizeof(double));
  append(body);
}

bool ScoreLog::knows_next(std::size_t count) {
  const auto at = static_cast<std::size_t>(given_back_);
  if (at >= known_.size()) return false;
  if (known_[at].numbers.size() == count) return true;
  // Batches of another cut than its identity promises: all of it is computed anew from here on.
  known_.clear();
  file_.close();
  return false;
}

std::vector<double> ScoreLog::next(std::size_t count,
                                   const std::function<std::vector<double>()>& compute) {
  if (knows_next(count)) {
    Batch& batch = known_[static_cast<std::size_t>(given_back_++)];
    peak_bytes_ = std::max(peak_bytes_, batch.peak_bytes);
    return std::move(batch.numbers);
  }
  std::vector<double> numbers = compute();
  if (numbers.size() != count) throw std::logic_error("a batch of another size than its scores");
  keep(numbers);
  return numbers;
}

}  // namespace assay
