#pragma once
// Searchers that are asked for points and told what became of them.
//
// A searcher is a function of its seed, its settings and the history that it was told: the same
// asks and tells give the same points, on every machine. That is how a search is resumed.
//
// A file searchers/<name>.cpp defines `SearcherInfo searcher_<name>()` in this namespace; CMake
// finds it, and nothing else needs to name it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/search/front.h"
#include "harness/search/space.h"

namespace assay::search {

struct Asked {
  Point point;
  double fidelity = 1;  ///< share of the validation data that this evaluation may use, in (0, 1]
  bool operator==(const Asked&) const = default;
};

/// Something that whoever reads the result should know. Codes are stable, texts are for people.
struct Remark {
  std::string code, text;
  bool operator==(const Remark&) const = default;
};

class Searcher {
 public:
  virtual ~Searcher() = default;

  /// The point to evaluate next. Always answered by tell() before the next ask(). It may be one
  /// that was asked before: then the answer is the one from then, and costs nothing.
  virtual Asked ask() = 0;

  /// The answer to the last ask(). A candidate that could not be evaluated has {inf, inf}.
  virtual void tell(const Asked& asked, const Objectives& objectives) = 0;

  /// Takes a pair of an earlier run without being asked. False: this searcher has to be asked
  /// again, so that its random numbers go on where they were. Only for searchers whose ask() costs
  /// much and depends on nothing but what they were told.
  virtual bool recall(const Asked& /*asked*/, const Objectives& /*objectives*/) { return false; }

  /// What it has to say at the end of the search.
  [[nodiscard]] virtual std::vector<Remark> remarks() const { return {}; }
};

/// A searcher looks at those that its SearcherInfo::settings names.
struct SearcherSettings {
  std::uint64_t seed = 0;
  std::int64_t evaluations = 100;    ///< budget of the search, in evaluations with all data; >= 1
  std::int64_t population = 10;      ///< nsga2, morea; >= 2
  std::int64_t sample = 5;           ///< morea: of the population, from which a parent comes; >= 1
  std::int64_t bins = 20;            ///< stratified: equal parts of the range of sizes; >= 1
  std::int64_t offspring = 16;       ///< evopress: lambda; >= 1
  std::vector<double> targets = {};  ///< evopress: sizes that points may have at most; in (0, 1]
};

struct SearcherInfo {
  std::string name;     ///< as its file
  std::string summary;  ///< one sentence, with the paper
  /// Names of the members of SearcherSettings that it looks at, beside `seed`. Where `evaluations`
  /// is not among them, a search can be continued with a larger budget.
  std::vector<std::string> settings = {};
  bool asks_parts = false;  ///< asks for a fidelity below 1
  /// Part of a log's identity; changes whenever equal histories would be answered by other points.
  std::string revision = "1";
  /// The space is alive and unchanged as long as the searcher. Throws UserError for settings that
  /// it cannot work with, MachineError for what the machine lacks.
  std::function<std::unique_ptr<Searcher>(const Space&, const SearcherSettings&)> make;
};

/// Throws UserError with the known ones.
const SearcherInfo& searcher(const std::string& name);

/// In alphabetical order.
std::vector<std::string> searcher_names();

/// Throws UserError for settings that are out of range, with all of them. Checks only those that
/// the searcher looks at, and `evaluations`.
void require_settings(const SearcherInfo& info, const SearcherSettings& settings);

/// Name, revision, seed and those settings that the searcher looks at.
Json searcher_identity(const SearcherInfo& info, const SearcherSettings& settings);

}  // namespace assay::search
