#pragma once
// What the parts of Store share. Internal to harness/store.

#include <memory>
#include <string>

#include "harness/base/json.h"
#include "harness/store/connection.h"
#include "harness/store/presence.h"
#include "harness/store/store.h"

namespace assay {

struct Store::Impl {
  explicit Impl(Connection opened) : connection(std::move(opened)) {}
  /// Of this connection; made when the first attempt begins.
  Presence& own_presence();

  Connection connection;
  std::unique_ptr<Presence> presence;
  /// In use, by the name that this file has for it; empty: not told.
  std::string machine, machine_description;

  /// Keeps a document under its hash and returns the hash.
  std::string keep_document(const char* kind, const Json& document);
  /// Row of metric_def; made when it is new. Throws std::logic_error when the same tag and
  /// convention have another unit or direction.
  std::int64_t metric_id(const std::string& tag, const std::vector<MetricDef>& definitions);
  void write_metrics(std::int64_t attempt, const std::vector<MetricValue>& values,
                     const std::vector<MetricDef>& definitions);
};

/// Codes of INTERRUPTED attempts whose run is gone.
inline constexpr const char* kParentGone = "parent_gone";
inline constexpr const char* kReboot = "reboot";

/// Bytes that are not UTF-8 (a log cut inside a character) become U+FFFD.
std::string valid_utf8(const std::string& text);

}  // namespace assay
