#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "harness/protocol/protocol.h"

namespace assay {
namespace {

/// Entries of one batch line; about 100 kB.
constexpr std::size_t kBatch = 500;

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::generic_category(), "cannot write the reply");
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Clears a number that JSON cannot carry. True when it had to.
bool drop_non_finite(std::optional<double>& value) {
  if (!value || std::isfinite(*value)) return false;
  value.reset();
  return true;
}

template <typename T>
std::vector<Json> batches_of(const std::vector<T>& entries) {
  std::vector<Json> batches;
  for (std::size_t first = 0; first < entries.size(); first += kBatch) {
    Json batch = Json::array();
    for (const T& entry :
         std::span(entries).subspan(first).first(std::min(kBatch, entries.size() - first))) {
      batch.push_back(to_json(entry));
    }
    batches.push_back({{"batch", std::move(batch)}});
  }
  return batches;
}

}  // namespace

void ReplyWriter::write(const std::string& type, Json message) {
  const std::lock_guard lock(mutex_);
  message["v"] = kProtocolVersion;
  message["t"] = type;
  message["n"] = next_;
  // Text from libraries may be anything; an outcome must get through whatever its text holds.
  const std::string line = message.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  write_all(descriptor_, line);
  ++next_;
}

void ReplyWriter::refuse_non_finite(const std::string& what) {
  event("error", "non_finite", what + " is not a finite number");
}

void ReplyWriter::hello(const Json& environment) { write("hello", {{"environment", environment}}); }

void ReplyWriter::heartbeat() { write("heartbeat", Json::object()); }

void ReplyWriter::progress(std::int64_t done, std::int64_t total, const std::string& what) {
  write("progress", {{"done", done}, {"total", total}, {"what", what}});
}

void ReplyWriter::metric(const MetricValue& value) {
  MetricValue finite = value;
  if (drop_non_finite(finite.value)) {
    refuse_non_finite("metric " + value.tag);
    if (finite.null_reason.empty()) finite.null_reason = "not finite";
  }
  // Each is looked at, hence no short-circuit.
  if (static_cast<int>(drop_non_finite(finite.std_error)) |
      static_cast<int>(drop_non_finite(finite.lo)) | static_cast<int>(drop_non_finite(finite.hi))) {
    refuse_non_finite("interval of metric " + value.tag);
  }
  write("metric", {{"metric", to_json(finite)}});
}

void ReplyWriter::items(const std::vector<ItemScore>& items) {
  std::vector<ItemScore> finite = items;
  for (ItemScore& item : finite) {
    const auto refuse = [&] { refuse_non_finite("score of item " + std::to_string(item.item)); };
    for (std::optional<double>* value : {&item.score, &item.nll, &item.kld}) {
      if (drop_non_finite(*value)) refuse();
    }
    const std::size_t dropped =
        std::erase_if(item.values, [](const auto& entry) { return !std::isfinite(entry.second); });
    for (std::size_t i = 0; i < dropped; ++i) refuse();
  }
  for (Json& batch : batches_of(finite)) write("items", std::move(batch));
}

void ReplyWriter::samples(const std::vector<Sample>& samples) {
  std::vector<Sample> finite;
  for (const Sample& sample : samples) {
    if (std::isfinite(sample.value)) {
      finite.push_back(sample);
    } else {
      refuse_non_finite("sample " + std::to_string(sample.index) + " of " + sample.tag);
    }
  }
  for (Json& batch : batches_of(finite)) write("samples", std::move(batch));
}

void ReplyWriter::fingerprint(const Fingerprint& fingerprint) {
  for (const double value : fingerprint.values) {
    if (!std::isfinite(value)) return refuse_non_finite("a logit of the fingerprint");
  }
  write("fingerprint", {{"values", fingerprint.values}});
}

void ReplyWriter::event(const std::string& level, const std::string& code,
                        const std::string& text) {
  write("event", {{"level", level}, {"code", code}, {"text", text}});
}

void ReplyWriter::outcome(const OutcomeReason& outcome) {
  write("outcome", {{"status", std::string(outcome_name(outcome.outcome))},
                    {"code", outcome.code},
                    {"text", outcome.text}});
}

void ReplyWriter::bye() { write("bye", Json::object()); }

}  // namespace assay
