#pragma once
// A method with its parameters, as a database names it.

#include <string>
#include <tuple>
#include <vector>

#include "harness/store/store.h"
#include "harness/tune/axis.h"

namespace assay::tune {

struct Setting {
  std::string method, params;
  bool operator<(const Setting& other) const {
    return std::tie(method, params) < std::tie(other.method, other.params);
  }
};

/// Each setting once, in order.
std::vector<Setting> settings_of(const std::vector<const ResultRow*>& rows);

/// True where a method of these axes is in the chain.
bool has_method_of(const ChainParameters& parameters, const std::vector<Axis>& axes);

/// METHOD.PARAMETER=VALUE, wanted of all chains that have the parameter; numbers by value.
class Wanted {
 public:
  /// Throws UserError for text of another form.
  explicit Wanted(const std::string& text);
  [[nodiscard]] bool known(const ChainParameters& parameters) const;
  [[nodiscard]] bool fits(const ChainParameters& parameters) const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_, name_;
  Json value_;
};

/// "mux, cofi": the methods of a chain.
std::string chain_text(const Setting& setting);

/// The parameters that two settings do not share: "mux.retrieval_steps 0 or 500".
std::string difference_text(const Setting& a, const Setting& b);

}  // namespace assay::tune
