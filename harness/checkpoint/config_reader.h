#pragma once
// Typed reading of config.json that collects every problem before it complains.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/checkpoint/spec.h"

namespace assay {

/// One row of a table config keys -> spec.
struct ConfigKey {
  const char* key;
  std::variant<std::int64_t ModelSpec::*, double ModelSpec::*, bool ModelSpec::*> field;
  std::optional<double> otherwise;  ///< value when the key is absent or null; none = required
};

class ConfigReader {
 public:
  /// `place` is the path that messages name.
  ConfigReader(std::string place, const Json& config);

  /// The value, or null when absent.
  [[nodiscard]] const Json& at(const std::string& key) const;
  /// True when the key is there with a value other than null.
  [[nodiscard]] bool has(const std::string& key) const { return !at(key).is_null(); }
  /// True when the key is there, null or not.
  [[nodiscard]] bool names(const std::string& key) const { return config_.contains(key); }

  std::int64_t count(const std::string& key, std::optional<std::int64_t> otherwise);
  double real(const std::string& key, std::optional<double> otherwise);
  bool flag(const std::string& key, std::optional<bool> otherwise);
  std::string text(const std::string& key, const std::string& otherwise);
  void fill(ModelSpec& spec, const std::vector<ConfigKey>& table);

  /// Complains unless the flag has the only value that is supported.
  void require_flag(const std::string& key, bool allowed);
  /// Activation by its Hugging Face name.
  ActivationKind activation(const std::string& key, const std::string& otherwise);
  /// rope_theta, rope_scaling and rope_parameters -> spec; the rotating part is
  /// head_dim x partial_rotary_factor.
  void rope(ModelSpec& spec, double default_theta, double default_fraction);

  void problem(const std::string& key, const std::string& found, const std::string& allowed);
  /// Throws UserError when anything was wrong.
  void finish() const;

 private:
  void rope_scaling(ModelSpec& spec, const Json& scaling, const std::string& key);

  std::string place_;
  const Json& config_;
  std::vector<std::string> problems_;
};

}  // namespace assay
