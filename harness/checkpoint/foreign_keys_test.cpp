// Every key of each family's configurations, put into every other family's: read, refused, remarked
// on or declared harmless, never passed over.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/checkpoint/family.h"
#include "harness/checkpoint/spec_json.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// Of a model type: the first configuration, and every value that a key has in any.
struct Sample {
  Json config;
  std::map<std::string, std::vector<Json>> values;
};
using Samples = std::map<std::string, Sample>;

void add(Samples& samples, const Json& config) {
  Sample& sample = samples[config.at("model_type").get<std::string>()];
  if (sample.config.is_null()) sample.config = config;
  for (const auto& [key, value] : config.items()) {
    auto& known = sample.values[key];
    if (std::find(known.begin(), known.end(), value) == known.end()) known.push_back(value);
  }
}

/// Those that the goldens are of: whole ones as transformers saves them, and short ones.
Samples read_samples() {
  Samples samples;
  const fs::path data = source_dir() / "tests" / "data";
  for (const char* folder : {"model", "encoder"}) {
    for (const auto& entry : fs::directory_iterator(data / folder)) {
      const fs::path config = entry.path() / "config.json";
      if (fs::exists(config)) add(samples, read_json_file(config));
    }
  }
  for (const auto& entry : fs::directory_iterator(data / "model_configs")) {
    if (entry.path().extension() != ".json") continue;
    for (const Json& variant : read_json_file(entry.path()).at("variants")) {
      add(samples, variant.at("config"));
    }
  }
  return samples;
}

/// What the reader makes of a configuration; nothing where it refuses.
struct Read {
  Json spec;
  std::set<std::string> warnings;
  bool operator==(const Read&) const = default;
};

std::optional<Read> read(const Json& config) {
  const std::string type = config.at("model_type");
  std::vector<ModelWarning> warnings;
  try {
    const ModelSpec spec =
        spec_of_config(family_of_model_type(type, "config.json"), "config.json", config, warnings);
    Read result{to_json(spec), {}};
    for (const ModelWarning& warning : warnings) result.warnings.insert(warning.text);
    return result;
  } catch (const UserError&) {
    return std::nullopt;
  }
}

/// Other values of the same kind, and of others: a key that is read minds one of them.
std::vector<Json> others(const Json& value) {
  std::vector<Json> changed = {"never heard of", Json::array({-1}), {{"unheard_of", 1}}, -1};
  if (value.is_boolean()) changed.emplace_back(!value.get<bool>());
  if (value.is_number()) changed.emplace_back(value.get<double>() * 1.5 + 1);
  if (value.is_number_integer()) changed.emplace_back(value.get<std::int64_t>() + 1);
  return changed;
}

bool is_minded(const Json& config, const std::string& key, const Json& value) {
  const std::optional<Read> before = read(config);
  Json with = config;
  with[key] = value;
  if (read(with) != before) return true;
  for (const Json& other : others(value)) {
    with[key] = other;
    if (read(with) != before) return true;
  }
  return false;
}

/// Those that a reader knows, and that count nothing in these configurations, as in transformers:
/// from which layer on a window is, in models that have none, and from which length on positions
/// are scaled, where nothing scales them.
bool counts_nothing_here(const Json& config, const std::string& key) {
  if (key == "max_window_layers") return config.at("model_type") == "llama";
  return key == "original_max_position_embeddings" &&
         read(config)->spec.at("positions") == PositionKind::kRotary;
}

TEST(ForeignKeys, AreNeverPassedOver) {
  const Samples samples = read_samples();
  ASSERT_GE(samples.size(), 8U);
  int judged = 0;
  for (const auto& [type, sample] : samples) {
    const Family& family = family_of_model_type(type, "config.json");
    ASSERT_TRUE(read(sample.config)) << type;
    std::set<std::pair<std::string, std::string>> seen;
    for (const auto& [other_type, other] : samples) {
      for (const auto& [key, values] : other.values) {
        if (sample.config.contains(key)) continue;
        for (const Json& value : values) {
          if (value.is_null() || !seen.insert({key, value.dump()}).second) continue;
          ++judged;
          if (is_harmless(family.harmless, key, value) || counts_nothing_here(sample.config, key))
            continue;
          EXPECT_TRUE(is_minded(sample.config, key, value))
              << type << " passes over '" << key << "' = " << value << " of " << other_type;
        }
      }
    }
  }
  EXPECT_GE(judged, 1000);
  std::printf("%d keys judged\n", judged);
}

}  // namespace
}  // namespace assay
