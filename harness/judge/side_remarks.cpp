#include "harness/judge/side_remarks.h"

#include <algorithm>

namespace assay {
namespace {

void add(std::vector<SideRemark>& remarks, const CellRecord* cell, const char* side) {
  if (cell == nullptr) return;
  for (const WorkerReply::Event& event : cell->remarks) {
    const auto same = std::find_if(remarks.begin(), remarks.end(), [&](const SideRemark& known) {
      return known.code == event.code && known.text == event.text;
    });
    if (same == remarks.end()) {
      remarks.push_back({side, event.code, event.text});
    } else if (same->side != side) {
      same->side = "both";
    }
  }
}

}  // namespace

std::vector<SideRemark> side_remarks(const CellRecord* base, const CellRecord* candidate) {
  std::vector<SideRemark> remarks;
  add(remarks, base, "base");
  add(remarks, candidate, "candidate");
  return remarks;
}

}  // namespace assay
