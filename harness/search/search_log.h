#pragma once
// The file that a search is resumed from: a line of identity, then a line for each evaluation.

#include <filesystem>
#include <vector>

#include "harness/search/search.h"

namespace assay::search {

class SearchLog {
 public:
  /// Keeps nothing.
  SearchLog() = default;

  /// Opens `folder`/search.jsonl, or begins it. The end of a line that was being written when its
  /// program died is dropped. Throws UserError for a log of another identity, with what differs,
  /// and for a damaged one, with the line; MachineError when it cannot be written or another
  /// search writes it now.
  SearchLog(const std::filesystem::path& folder, const Json& identity, const Space& space);
  ~SearchLog();
  SearchLog(const SearchLog&) = delete;
  SearchLog& operator=(const SearchLog&) = delete;

  /// What was in it when it was opened.
  [[nodiscard]] const std::vector<Evaluation>& recorded() const { return recorded_; }

  /// Written when this returns; survives the end of this program. Throws MachineError.
  void append(const Space& space, const Evaluation& evaluation);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  void open();
  void read(const Json& identity, const Space& space);
  void write_line(const Json& document);

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::vector<Evaluation> recorded_;
};

/// "searcher/seed: 1 in the log, 2 here"; one for each place where two documents differ.
std::vector<std::string> differences(const Json& logged, const Json& here);

}  // namespace assay::search
