#pragma once
// The Python process that suggests points (python/assay_search): the only part of a search that
// starts a program.

#include <filesystem>
#include <memory>
#include <vector>

#include "harness/process/dialogue.h"
#include "harness/search/batch_searcher.h"

namespace assay::search {

/// Folder of the packages of requirements-search.txt, which scripts/setup makes below ASSAY_HOME.
std::filesystem::path search_library();

class Suggester {
 public:
  /// Starts nothing yet. Throws MachineError when Python or the library is missing, with what to
  /// do.
  Suggester(const Space& space, std::uint64_t seed);

  /// The point to evaluate next after `history`, which begins with that of the call before. A
  /// function of seed and history. Throws MachineError when the process fails.
  Point suggest(const std::vector<Told>& history);

 private:
  void start();
  Json exchange(const Json& question);

  std::filesystem::path python_, library_;
  Json opening_;
  std::unique_ptr<Dialogue> dialogue_;
  std::size_t told_ = 0;  ///< pairs of the history that the process knows
};

}  // namespace assay::search
