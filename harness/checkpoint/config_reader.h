#pragma once
// Typed reading of config.json that collects every problem before it complains.

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "harness/checkpoint/spec.h"

namespace assay {

/// One row of a table config keys -> spec.
struct ConfigKey {
  const char* key;
  std::variant<std::int64_t ModelSpec::*, double ModelSpec::*, bool ModelSpec::*,
               std::int64_t LayerShape::*>
      field;
  std::optional<double> otherwise;  ///< value when the key is absent or null; none = required
};

/// Remembers which keys were asked for, so that those nobody reads can be judged.
class ConfigReader {
 public:
  /// `place` is the path that messages name, `prefix` stands before the keys in them.
  ConfigReader(std::string place, const Json& config, std::string prefix = "");

  /// The value, or null when absent.
  [[nodiscard]] const Json& at(const std::string& key) const;
  /// True when the key is there with a value other than null.
  [[nodiscard]] bool has(const std::string& key) const { return !at(key).is_null(); }
  /// True when the key is there, null or not.
  [[nodiscard]] bool names(const std::string& key) const;

  std::int64_t count(const std::string& key, std::optional<std::int64_t> otherwise);
  /// An integer from 0 on.
  std::int64_t whole(const std::string& key, std::int64_t otherwise);
  double real(const std::string& key, std::optional<double> otherwise);
  bool flag(const std::string& key, std::optional<bool> otherwise);
  std::string text(const std::string& key, const std::string& otherwise);
  void fill(ModelSpec& spec, const std::vector<ConfigKey>& table);

  /// A count under any of these names; several names must agree. Missing in all = required unless
  /// `otherwise` is given.
  std::int64_t count_of(const std::vector<std::string>& names,
                        std::optional<std::int64_t> otherwise);

  /// Complains unless the flag has the only value that is supported.
  void require_flag(const std::string& key, bool allowed);
  /// Complains when the key is there with another value than this one.
  void require_count(const std::string& key, std::int64_t allowed, const std::string& why);
  /// Activation by its Hugging Face name.
  ActivationKind activation(const std::string& key, const std::string& otherwise);
  /// The object under this key, empty when there is none; its problems and remarks come back
  /// through `take`.
  [[nodiscard]] ConfigReader table(const std::string& key) const;
  /// Takes the problems and remarks of a reader that `table` gave.
  void take(const ConfigReader& table);

  void problem(const std::string& key, const std::string& found, const std::string& allowed);
  /// Something that every result of this model has to say: `text` follows the key.
  void remark(const std::string& key, const std::string& text);

  /// Keys with a value other than null that nobody asked for, sorted.
  [[nodiscard]] std::vector<std::string> unread() const;
  [[nodiscard]] const std::vector<std::string>& remarks() const { return remarks_; }
  /// Throws UserError when anything was wrong.
  void finish() const;

 private:
  std::string place_;
  const Json& config_;
  std::string prefix_;
  mutable std::set<std::string> asked_;
  std::vector<std::string> problems_;
  std::vector<std::string> remarks_;
};

}  // namespace assay
