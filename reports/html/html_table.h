#pragma once
// Tables and plots of a document as elements of a page.

#include <string>
#include <vector>

#include "reports/document.h"

namespace assay {

/// A `<table class="data">` in a box that scrolls, with a caption; `anchor` is its id and the start
/// of the ids of what it refers to (`notes` is the anchor of the notes' list).
void append_table(std::string& out, const Table& table, const std::string& anchor,
                  const std::string& notes);

/// A `<figure>` whose picture the page's program draws from entry `index` of the page's data.
void append_figure(std::string& out, const Plot& plot, const std::string& anchor,
                   std::size_t index);

}  // namespace assay
