#include "harness/method/conformance_report.h"

#include <stdexcept>

namespace assay {
namespace {

struct Row {
  ConformanceCheck check;
  const char *name, *meaning;
};

constexpr Row kRows[] = {
    {ConformanceCheck::kInfo, "info", "info() is complete and the same each time"},
    {ConformanceCheck::kIdentity, "identity",
     "the setting that means no compression changes no score"},
    {ConformanceCheck::kNeeds, "needs",
     "it looks at calibration and training data where its needs say so, and only there"},
    {ConformanceCheck::kFolder, "folder", "fitting leaves the files of the model as they were"},
    {ConformanceCheck::kModel, "model", "fitting leaves the model in memory as it was"},
    {ConformanceCheck::kSeed, "seed", "the same seed gives the same artefact"},
    {ConformanceCheck::kThreads, "threads", "one thread and two give the same artefact"},
    {ConformanceCheck::kArtefact, "artefact", "the artefact comes back from its file as it was"},
    {ConformanceCheck::kReload, "reload", "the saved and loaded artefact gives the same scores"},
    {ConformanceCheck::kFinite, "finite", "the scores of the changed model are finite"},
    {ConformanceCheck::kSparsity, "sparsity",
     "the sparsity that it reports is there, and is what was asked for"},
    {ConformanceCheck::kNamed, "named", "apply changes nothing but what the artefact names"},
    {ConformanceCheck::kMemory, "memory", "the changed model shares no memory with the artefact"},
    {ConformanceCheck::kBatch, "batch", "a sequence alone and in a batch gives the same scores"},
    {ConformanceCheck::kDecode, "decode", "a decoder goes on after a prompt, token by token"},
    {ConformanceCheck::kItems, "items", "it fits on calibration items of different lengths"},
    {ConformanceCheck::kScratch, "scratch", "nothing is written outside the scratch folder"},
    {ConformanceCheck::kReasons, "reasons", "what does not apply says why"},
    {ConformanceCheck::kChain, "chain", "it can follow another method, and others can follow it"},
};

const Row& row_of(ConformanceCheck check) {
  for (const Row& row : kRows) {
    if (row.check == check) return row;
  }
  throw std::logic_error("a check of the conformance kit without a name");
}

}  // namespace

const std::vector<ConformanceCheck>& conformance_checks() {
  static const std::vector<ConformanceCheck> all = [] {
    std::vector<ConformanceCheck> checks;
    for (const Row& row : kRows) checks.push_back(row.check);
    return checks;
  }();
  return all;
}

const char* check_name(ConformanceCheck check) { return row_of(check).name; }

const char* check_meaning(ConformanceCheck check) { return row_of(check).meaning; }

}  // namespace assay
