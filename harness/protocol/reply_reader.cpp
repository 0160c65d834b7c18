#include <iterator>
#include <stdexcept>
#include <utility>

#include "harness/protocol/fields.h"
#include "harness/protocol/fingerprint.h"
#include "harness/protocol/protocol.h"

namespace assay {
namespace {

using Progress = ReplyReader::Progress;

/// The message without what every message has.
Json body_of(const Json& message) {
  Json body = message;
  for (const char* key : {"v", "t", "n"}) body.erase(key);
  return body;
}

Json parse_line(const std::string& line) {
  try {
    return parse_json(line);
  } catch (const JsonError& error) {
    throw std::runtime_error(error.what());
  }
}

template <typename T>
std::vector<T> read_batch(const Json& body, const char* type, T (*read)(const Json&)) {
  const Fields fields(body, type, {"batch"});
  std::vector<T> batch;
  for (const Json& entry : fields.array("batch")) batch.push_back(read(entry));
  return batch;
}

template <typename T>
void append(std::vector<T>& all, std::vector<T> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

OutcomeReason outcome_from_json(const Json& body) {
  const Fields fields(body, "outcome", {"status", "code", "text"});
  try {
    const Outcome outcome = outcome_from_name(fields.text("status"));
    if (outcome == Outcome::kQueued || outcome == Outcome::kRunning) {
      fields.fail("status", "is not a final one");
    }
    return {.outcome = outcome, .code = fields.text("code"), .text = fields.text("text")};
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(error.what());
  }
}

WorkerReply::Event event_from_json(const Json& body) {
  const Fields fields(body, "event", {"level", "code", "text"});
  return {.level = fields.text("level"), .code = fields.text("code"), .text = fields.text("text")};
}

Progress progress_from_json(const Json& body) {
  const Fields fields(body, "progress", {"done", "total", "what"});
  return {.done = fields.integer("done"),
          .total = fields.integer("total"),
          .what = fields.text("what")};
}

template <typename T>
void set_once(std::optional<T>& slot, T value, const char* what) {
  if (slot) throw std::runtime_error(std::string("a second ") + what);
  slot = std::move(value);
}

}  // namespace

std::optional<Progress> ReplyReader::take(const std::string& type, const Json& message) {
  const Json body = body_of(message);
  if ((type == "hello") == greeted_) {
    throw std::runtime_error(greeted_ ? "a second hello" : "'" + type + "' before hello");
  }
  if (type == "progress") return progress_from_json(body);
  if (type == "hello") {
    reply_.environment = Fields(body, type, {"environment"}).object("environment");
    greeted_ = true;
  } else if (type == "metric") {
    reply_.metrics.push_back(
        metric_value_from_json(Fields(body, type, {"metric"}).object("metric")));
  } else if (type == "items") {
    append(reply_.items, read_batch(body, "items", item_score_from_json));
  } else if (type == "samples") {
    append(reply_.samples, read_batch(body, "samples", sample_from_json));
  } else if (type == "fingerprint") {
    const Fields fields(body, type, {"values"});
    set_once(reply_.fingerprint, fingerprint_from_json(fields.array("values")), "fingerprint");
  } else if (type == "event") {
    reply_.events.push_back(event_from_json(body));
  } else if (type == "outcome") {
    set_once(reply_.outcome, outcome_from_json(body), "outcome");
  } else if (type == "bye" || type == "heartbeat") {
    const Fields nothing(body, type, {});
    reply_.complete = type == "bye";
  } else {
    throw std::runtime_error("unknown type '" + type + "'");
  }
  return std::nullopt;
}

std::optional<Progress> ReplyReader::feed(const std::string& line) {
  if (reply_.complete) throw std::runtime_error("something after bye");
  bytes_ += line.size() + 1;
  if (line.size() > kMaxLineBytes) throw std::runtime_error("line longer than 4 MiB");
  if (bytes_ > kMaxReplyBytes) throw std::runtime_error("reply longer than 256 MiB");
  const Json message = parse_line(line);
  if (!message.is_object()) throw std::runtime_error("not an object");
  const Json version = message.value("v", Json()), type = message.value("t", Json()),
             number = message.value("n", Json());
  if (!version.is_number_integer() || version != Json(kProtocolVersion)) {
    throw std::runtime_error("version " + version.dump() + " instead of " +
                             std::to_string(kProtocolVersion));
  }
  if (!number.is_number_integer() || number != Json(next_)) {
    throw std::runtime_error("sequence number " + number.dump() + " instead of " +
                             std::to_string(next_));
  }
  if (!type.is_string()) throw std::runtime_error("no type");
  std::optional<Progress> progress = take(type.get<std::string>(), message);
  ++next_;
  return progress;
}

}  // namespace assay
