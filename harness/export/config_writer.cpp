#include "harness/export/config_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>
#include <type_traits>
#include <variant>

#include "harness/base/cell_errors.h"
#include "harness/base/text.h"
#include "harness/checkpoint/spec_json.h"

namespace assay {
namespace {

constexpr const char* kLayerTypes = "layer_types";
constexpr const char* kRotatingLayers = "no_rope_layers";
/// A key whose default depends on another key shows only when that is set.
constexpr int kPasses = 4;

Json value_of(const ModelSpec& spec, const ConfigKey& row) {
  return std::visit(
      [&](auto field) -> Json {
        if constexpr (std::is_same_v<decltype(field), std::int64_t LayerShape::*>) {
          return spec.shape.*field;
        } else {
          return spec.*field;
        }
      },
      row.field);
}

const Family& family_of(const Checkpoint& original) {
  const std::string type = original.config().value("model_type", "");
  return family_of_model_type(type, (original.folder() / "config.json").string());
}

/// Of two names for one field the one that is there counts, else the first.
bool is_the_name(const std::vector<ConfigKey>& keys, const ConfigKey& row, const Json& config) {
  if (config.contains(row.key)) return true;
  const auto same = [&](const ConfigKey& other) { return other.field == row.field; };
  const bool another = std::any_of(keys.begin(), keys.end(), [&](const ConfigKey& other) {
    return same(other) && config.contains(other.key);
  });
  return !another && std::find_if(keys.begin(), keys.end(), same)->key == row.key;
}

/// "BertModel", "BertForMaskedLM" -> "BertForSequenceClassification".
std::string classifier_of(const Json& config) {
  const auto names = config.find("architectures");
  const bool named = names != config.end() && names->is_array() && !names->empty();
  std::string name = named ? names->front().get<std::string>() : config.value("model_type", "");
  if (!named && !name.empty()) name[0] = static_cast<char>(std::toupper(name[0]));
  name = name.substr(0, name.find("For"));
  if (name.ends_with("Model")) name.erase(name.size() - std::string_view("Model").size());
  return name + "ForSequenceClassification";
}

class Writer {
 public:
  Writer(const Checkpoint& original, const ModelSpec& wanted)
      : family_(family_of(original)),
        place_((original.folder() / "config.json").string()),
        keys_(written_keys(original)),
        wanted_(wanted),
        same_layers_(original.spec().layers == wanted.layers),
        config_(original.config()) {}

  ConfigChanges changes() {
    for (int pass = 0; pass < kPasses && set_keys(); ++pass) continue;
    require_said();
    return std::move(changes_);
  }

 private:
  [[nodiscard]] ModelSpec read() const {
    ConfigReader reader(place_, config_);
    return family_.read_spec(reader);
  }

  void set(const char* key, const Json& value) { config_[key] = changes_[key] = value; }

  bool set_keys() {
    const std::size_t before = changes_.size();
    const ModelSpec found = read();
    for (const ConfigKey& row : keys_) {
      if (value_of(found, row) == value_of(wanted_, row)) continue;
      if (is_the_name(keys_, row, config_)) set(row.key, value_of(wanted_, row));
    }
    family_.windows != nullptr ? set_windows(found) : set_layer_types(found);
    set_rotating_layers(found);
    set_classifier(found);
    return changes_.size() != before;
  }

  /// As the family says it. What it says of another number of layers cannot be read.
  void set_windows(const ModelSpec& found) {
    if (same_layers_ && found.layer_windows == wanted_.layer_windows) return;
    const std::map<std::string, Json> said = family_.windows(wanted_);
    const auto there = [&](const auto& entry) { return config_.contains(entry.first); };
    const bool none = std::none_of(said.begin(), said.end(), there);
    for (const auto& entry : said) {
      const bool wrong = config_.value(entry.first, Json()) != entry.second;
      if ((none || there(entry)) && wrong) set(entry.first.c_str(), entry.second);
    }
  }

  /// The list has a word for each layer.
  void set_layer_types(const ModelSpec& found) {
    const auto list = config_.find(kLayerTypes);
    const bool listed = list != config_.end() && list->is_array();
    const bool fits = !listed || std::ssize(*list) == wanted_.layers;
    if (fits && found.layer_windows == wanted_.layer_windows) return;
    Json words = Json::array();
    for (std::int64_t layer = 0; layer < wanted_.layers; ++layer) {
      words.push_back(window_of(wanted_, layer) > 0 ? "sliding_attention" : "full_attention");
    }
    set(kLayerTypes, words);
  }

  /// The list has a 1 for each layer that rotates.
  void set_rotating_layers(const ModelSpec& found) {
    const auto list = config_.find(kRotatingLayers);
    const bool listed = list != config_.end() && list->is_array();
    const bool fits = !listed || std::ssize(*list) == wanted_.layers;
    if (fits && found.layer_rotates == wanted_.layer_rotates) return;
    Json switches = Json::array();
    for (std::int64_t layer = 0; layer < wanted_.layers; ++layer) {
      switches.push_back(rotates(wanted_, layer) ? 1 : 0);
    }
    set(kRotatingLayers, switches);
  }

  /// One in the place of another output, or with other classes.
  void set_classifier(const ModelSpec& found) {
    if (wanted_.output != OutputKind::kClassifier || wanted_.labels.empty()) return;
    if (found.output == wanted_.output && found.labels == wanted_.labels) return;
    Json names = Json::object(), numbers = Json::object();
    for (const std::string& label : wanted_.labels) {
      const auto number = static_cast<std::int64_t>(numbers.size());
      names[std::to_string(number)] = label;
      numbers[label] = number;
    }
    set("architectures", Json::array({classifier_of(config_)}));
    set("id2label", names);
    set("label2id", numbers);
    if (config_.contains("num_labels")) set("num_labels", wanted_.classes);
  }

  /// Reads back what was written.
  void require_said() const {
    std::vector<std::string> problems;
    std::vector<ModelWarning> warnings;
    Json said, wanted = to_json(wanted_);
    try {
      ModelSpec spec = spec_of_config(family_, place_, config_, warnings);
      if (wanted_.pooler_width == 0) spec.pooler_width = 0;  // the file says
      said = to_json(spec);
    } catch (const UserError& error) {
      throw DoesNotApply(
          fmt::format("no configuration of model type '{}' says what this model is: "
                      "{}",
                      config_.value("model_type", ""), error.what()));
    }
    for (const auto& [field, value] : wanted.items()) {
      if (field == "checkpoint_dtype" || said.at(field) == value) continue;
      problems.push_back(
          fmt::format("{} = {} (it says {})", field, value.dump(), said.at(field).dump()));
    }
    if (problems.empty()) return;
    throw DoesNotApply(fmt::format("the configuration of model type '{}' has no key that says {}",
                                   config_.value("model_type", ""), join(problems, ", ")));
  }

  const Family& family_;
  std::string place_;
  std::vector<ConfigKey> keys_;
  const ModelSpec& wanted_;
  const bool same_layers_;
  Json config_;
  ConfigChanges changes_;
};

}  // namespace

std::vector<ConfigKey> written_keys(const Checkpoint& original) {
  return family_of(original).written(original.config().value("model_type", ""));
}

bool can_say(const std::vector<ConfigKey>& keys, std::int64_t LayerShape::*field) {
  return std::any_of(keys.begin(), keys.end(), [&](const ConfigKey& row) {
    const auto* found = std::get_if<std::int64_t LayerShape::*>(&row.field);
    return found != nullptr && *found == field;
  });
}

void join_biases(const std::vector<ConfigKey>& keys, ModelSpec& spec) {
  static const std::vector<bool ModelSpec::*> kBiases = {
      &ModelSpec::qkv_bias, &ModelSpec::attention_out_bias, &ModelSpec::ffn_bias,
      &ModelSpec::ffn_out_bias};
  const auto flag = [&](const ConfigKey& row) -> bool* {
    const auto* field = std::get_if<bool ModelSpec::*>(&row.field);
    const bool bias =
        field != nullptr && std::find(kBiases.begin(), kBiases.end(), *field) != kBiases.end();
    return bias ? &(spec.**field) : nullptr;
  };
  std::set<std::string> on;
  for (const ConfigKey& row : keys) {
    if (const bool* bias = flag(row); bias != nullptr && *bias) on.insert(row.key);
  }
  for (const ConfigKey& row : keys) {
    if (bool* bias = flag(row); bias != nullptr && on.contains(row.key)) *bias = true;
  }
}

ConfigChanges config_changes(const Checkpoint& original, const ModelSpec& wanted) {
  return Writer(original, wanted).changes();
}

ConfigChanges dtype_changes(const Json& config, const std::string& dtype) {
  ConfigChanges changes;
  bool there = false;
  for (const char* key : {"dtype", "torch_dtype"}) {
    const Json old = config.value(key, Json());
    there = there || !old.is_null();
    if (!old.is_null() && old != dtype) changes[key] = dtype;
  }
  if (!there) changes["torch_dtype"] = dtype;
  return changes;
}

}  // namespace assay
