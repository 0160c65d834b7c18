#include "harness/runner/disk_resolver.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/errors.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/tokenizer_files.h"
#include "harness/runner/model_finder.h"
#include "harness/runner/tools.h"

namespace assay {

DiskResolver::DiskResolver(const Catalogue& catalogue, std::function<void(const std::string&)> say,
                           std::stop_token stop)
    : catalogue_(catalogue), say_(std::move(say)), stop_(std::move(stop)) {}

void DiskResolver::note(const std::string& text) {
  if (noted_.insert(text).second) say_("note: " + text);
}

ResolvedModel DiskResolver::model(const ModelChoice& choice) {
  ResolvedModel model;
  model.choice = choice;
  model.folder = find_model(choice.id, catalogue_, say_, stop_, !choice.random_weights);
  note_hub_model(choice, model.folder);
  try {
    const Checkpoint checkpoint = Checkpoint::open(model.folder, !choice.random_weights);
    model.hash = checkpoint.content_hash();
    model.tokenizer_hash = checkpoint.tokenizer_hash();
    model.traits = traits(checkpoint.spec());
    model.size = model_size(checkpoint.spec());
    for (const ModelWarning& warning : checkpoint.warnings()) {
      note(fmt::format("model '{}': {}", choice.id, warning.text));
    }
  } catch (const UserError& error) {
    throw UserError(fmt::format("model '{}': {}", choice.id, error.what()));
  }
  return model;
}

/// A name may be another commit tomorrow; the record has the hash of its content, people ask for
/// the commit.
void DiskResolver::note_hub_model(const ModelChoice& choice, const std::filesystem::path& folder) {
  const std::optional<HubName> name = hub_name_of(choice.id, catalogue_);
  if (!name) return;
  const HubSnapshot snapshot = find_in_hub_cache(*name, !choice.random_weights);
  if (snapshot.folder != folder) return;  // a folder of the user's has the name
  note(fmt::format("model '{}': commit {} of {}", choice.id, snapshot.commit, name->repository));
  if (!snapshot.unlisted) return;
  note(
      fmt::format("model '{}': another program put it into the Hugging Face cache; whether it has "
                  "all files of its tokenizer is not known. assay model get {} makes sure",
                  choice.id, name->text()));
}

PreparedRequest DiskResolver::request_for(const ResolvedModel& model, const std::string& dataset,
                                          const std::string& split,
                                          const std::string& format) const {
  PreparedRequest request;
  request.dataset = &catalogue_.dataset(dataset);
  request.split = split;
  request.format = format;
  request.tokenizer_folder = model.folder;
  request.tokenizer_hash = model.tokenizer_hash;
  return request;
}

ResolvedData DiskResolver::stream(const ResolvedModel& model, const std::string& dataset,
                                  const std::string& split) {
  return prepared(model, request_for(model, dataset, split, "stream"));
}

ResolvedData DiskResolver::items(const ResolvedModel& model, const std::string& dataset,
                                 const std::string& split, const std::string& task) {
  PreparedRequest request = request_for(model, dataset, split, "items");
  request.task = task;
  return prepared(model, request);
}

ResolvedData DiskResolver::labelled(const ResolvedModel& model, const std::string& dataset,
                                    const std::string& split, std::int64_t max_tokens) {
  PreparedRequest request = request_for(model, dataset, split, "labelled");
  request.max_tokens = max_tokens;
  return prepared(model, request);
}

ResolvedData DiskResolver::prepared(const ResolvedModel& model, const PreparedRequest& request) {
  const std::string problem = tokenizer_problem(model.folder);
  if (!problem.empty()) {
    return {.key = "",
            .folder = "",
            .unmet = fmt::format("model '{}': {}", model.choice.id, problem),
            .unmet_code = "requirement"};
  }
  const std::string name =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.tokenizer_hash, request.dataset->name,
                  request.split, request.format, request.task, request.max_tokens);
  const auto known = known_.find(name);
  if (known != known_.end()) return known->second;
  return known_.emplace(name, prepare(request)).first->second;
}

ResolvedData DiskResolver::prepare(const PreparedRequest& request) {
  ResolvedData data;
  const RawFiles raw = find_raw_files(*request.dataset, request.split);
  if (!raw.missing.empty()) {
    data.unmet = missing_data_text(*request.dataset, raw);
    return data;
  }
  for (const std::string& text : raw.notes) note(text);
  if (tools_hash_.empty()) tools_hash_ = python_tools_hash();
  data.key = prepared_key(request, raw, tools_hash_);
  try {
    data.folder = ensure_prepared(request, raw, data.key, say_, stop_);
  } catch (const UserError& error) {
    data.unmet =
        fmt::format("data set '{}' ({}): {}", request.dataset->name, request.split, error.what());
    data.unmet_code = kBadData;
  }
  return data;
}

}  // namespace assay
