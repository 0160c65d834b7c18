#pragma once
// "wanda:sparsity=0.5,pattern=2:4": a name with settings, as one argument of a command line.

#include <string>
#include <utility>
#include <vector>

namespace assay {

struct NamedSettings {
  std::string name;
  /// Keys, which may have dots, and values as TOML.
  std::vector<std::pair<std::string, std::string>> settings = {};
  /// True for "calibration" where that or a key such as "calibration.samples" is set.
  [[nodiscard]] bool sets(const std::string& key) const;
};

/// NAME, or NAME:KEY=VALUE,... Values are written as in TOML; a text needs no quotes unless it
/// holds a comma. `flag` is the option that the argument belongs to, for messages. Throws
/// UserError.
NamedSettings parse_settings(const std::string& flag, const std::string& text);

/// Several of them that are applied one after the other: "wanda:sparsity=0.5+finetune:epochs=1".
std::vector<NamedSettings> parse_chain(const std::string& flag, const std::string& text);

}  // namespace assay
