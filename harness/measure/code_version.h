#pragma once
// Which sources this program was built from.

#include <string>

namespace assay {

/// Twelve digits of the commit; empty when the sources were no git clone.
std::string code_commit();
/// Whether tracked files differed from that commit.
bool code_dirty();

}  // namespace assay
