// One self-contained page: tables that sort and filter, pictures, no request to anywhere.

#include <fmt/format.h>

#include <iterator>
#include <set>

#include "reports/best.h"
#include "reports/format.h"
#include "reports/html/embedded.h"
#include "reports/html/html_data.h"
#include "reports/html/html_table.h"
#include "reports/html/html_text.h"

namespace assay {
namespace {

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: "
    "blob:; base-uri 'none'; form-action 'none'";

/// Columns of the table of all values, as tables.js fills them.
constexpr const char* kValueColumns[] = {"model",
                                         "method",
                                         "suite",
                                         "metric",
                                         "value",
                                         "from",
                                         "to",
                                         "unit",
                                         "n",
                                         "ratio to dense",
                                         "profile",
                                         "seed",
                                         "convention, reason",
                                         "experiment",
                                         "remarks"};

/// A document with the anchor that everything of it starts with.
struct Part {
  const Document* document = nullptr;
  std::string anchor;
  bool alone = false;  ///< the page's title is its title
};

std::vector<Part> parts_of(const std::vector<Document>& documents) {
  std::vector<Part> parts;
  std::set<std::string> used = {"all-values", "report-data", "plotly-source", "results"};
  for (const Document& document : documents) {
    const std::string base = slug(document.name.empty() ? document.title : document.name);
    std::string anchor = base;
    for (int i = 2; !used.insert(anchor).second; ++i) anchor = fmt::format("{}-{}", base, i);
    parts.push_back({&document, anchor, documents.size() == 1});
  }
  return parts;
}

void append_heading(std::string& out, const char* tag, const std::string& anchor,
                    const std::string& title) {
  fmt::format_to(std::back_inserter(out),
                 "<{0} id=\"{1}-h\" dir=\"auto\">{2}<a class=\"anchor\" href=\"#{1}\" "
                 "aria-label=\"Link to this section\">#</a></{0}>\n",
                 tag, anchor, html_escaped(title));
}

void append_section(std::string& out, const Section& section, const std::string& anchor,
                    const Part& part, PageData& data) {
  const std::string notes = part.anchor + "-note";
  fmt::format_to(std::back_inserter(out), "<section id=\"{0}\" aria-labelledby=\"{0}-h\">\n",
                 anchor);
  append_heading(out, part.alone ? "h2" : "h3", anchor, section.title);
  for (const std::string& text : section.text) {
    out += "<p class=\"text\">" + html_escaped(text) + "</p>\n";
  }
  std::size_t number = 0;
  for (const Table& table : section.tables) {
    append_table(out, table, fmt::format("{}-t{}", anchor, ++number), notes);
  }
  number = 0;
  for (const Plot& plot : section.plots) {
    append_figure(out, plot, fmt::format("{}-p{}", anchor, ++number), data.add(plot));
  }
  out += "</section>\n";
}

void append_notes(std::string& out, const Document& document, const std::string& anchor) {
  if (!document.notes.empty()) {
    out += "<ol class=\"notes\">\n";
    for (std::size_t i = 0; i < document.notes.size(); ++i) {
      out += fmt::format("<li id=\"{}-{}\" dir=\"auto\">{}</li>\n", anchor, i + 1,
                         html_escaped(document.notes[i]));
    }
    out += "</ol>\n";
  }
  out += "<ul class=\"foot\">\n";
  if (!document.tables.empty()) {
    out += "<li>" + html_escaped(ranges_legend()) +
           " *: told apart from dense (95 %). Bold: " + html_escaped(best_legend()) + "</li>\n";
  }
  for (const std::string& line : document.footer) out += "<li>" + html_escaped(line) + "</li>\n";
  for (const std::string& line : document.environment) {
    out += "<li>Machine: " + html_escaped(line) + "</li>\n";
  }
  out += "</ul>\n";
}

void append_document(std::string& out, const Part& part, PageData& data) {
  const Document& document = *part.document;
  const std::string notes = part.anchor + "-note";
  std::string mark;
  for (const std::string& word : document.watermarks) mark += (mark.empty() ? "" : " · ") + word;
  fmt::format_to(
      std::back_inserter(out), "<section id=\"{0}\" aria-labelledby=\"{0}-h\"{1}>\n", part.anchor,
      mark.empty() ? std::string()
                   : fmt::format(" class=\"watermarked\" style=\"--words: '{}'\"", mark));
  if (!part.alone) append_heading(out, "h2", part.anchor, document.title);
  for (const std::string& warning : document.warnings) {
    out += "<p class=\"warning\" role=\"note\">" + html_escaped(warning) + "</p>\n";
  }
  if (!document.answer.text.empty()) {
    append_section(out, document.answer, part.anchor + "-" + document.answer.id, part, data);
  }
  Section results{"results", "Results", {}, document.tables, {}};
  if (document.tables.empty()) results.text.emplace_back("No results.");
  append_section(out, results, part.anchor + "-results", part, data);
  append_notes(out, document, notes);
  for (const Section& section : document.sections) {
    append_section(out, section, part.anchor + "-" + section.id, part, data);
  }
  out += "</section>\n";
}

void append_navigation(std::string& out, const std::vector<Part>& parts) {
  out += "<nav aria-label=\"Sections\">\n";
  for (const Part& part : parts) {
    const auto link = [&](const std::string& id, const std::string& title) {
      out += fmt::format("<li><a href=\"#{}-{}\">{}</a></li>\n", part.anchor, id, title);
    };
    if (parts.size() > 1) {
      out += fmt::format("<strong dir=\"auto\"><a href=\"#{}\">{}</a></strong>\n", part.anchor,
                         html_escaped(part.document->title));
    }
    out += "<ul>\n";
    const Section& answer = part.document->answer;
    if (!answer.text.empty()) link(answer.id, answer.title);
    link("results", "Results");
    for (const Section& section : part.document->sections) {
      link(section.id, html_escaped(section.title));
    }
    if (&part == &parts.back()) out += "<li><a href=\"#values\">All values</a></li>\n";
    out += "</ul>\n";
  }
  out += "</nav>\n";
}

void append_all_values(std::string& out, const std::string& text) {
  out += "<section id=\"values\" aria-labelledby=\"values-h\">\n";
  append_heading(out, "h2", "values", "All values");
  out += "<p class=\"text\">" + text +
         "</p>\n"
         "<div class=\"box\" tabindex=\"0\" role=\"region\" aria-labelledby=\"all-values-c\">"
         "<table id=\"all-values\"><caption id=\"all-values-c\">All values</caption><thead><tr>";
  std::size_t number = 0;
  for (const char* column : kValueColumns) {
    const bool label = number < 4 || number == 10 || number > 11;
    out += fmt::format("<th scope=\"col\"{}>{}</th>", label ? " class=\"label\"" : "", column);
    ++number;
  }
  out +=
      "</tr></thead><tbody></tbody></table></div>\n"
      "<noscript><p>This table needs JavaScript; assay report --format csv has the same lines."
      "</p></noscript>\n</section>\n";
}

std::string page_title(const std::vector<Document>& documents) {
  if (documents.empty()) return "No results";
  return documents.size() == 1 ? documents.front().title
                               : fmt::format("{} experiments", documents.size());
}

void append_head(std::string& out, const std::string& title) {
  out += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += fmt::format("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n", kPolicy);
  out +=
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"generator\" content=\"assay\">\n<link rel=\"icon\" href=\"data:,\">\n";
  out += "<title>" + title + "</title>\n<style>\n";
  out += page_style();
  out += "</style>\n</head>\n";
}

/// The library is packed text until a picture comes near the window or the browser is idle: reading
/// 5 MB of program costs more than all the rest of the page.
void append_programs(std::string& out, const std::string& data) {
  out += "<script type=\"application/json\" id=\"report-data\">" + data + "</script>\n";
  if (!plotly_library().empty()) {
    out += "<script type=\"text/plain\" id=\"plotly-source\">";
    out += plotly_library();
    out += "</script>\n";
  }
  out += "<script>\n";
  out += page_program();
  out += "</script>\n";
}

std::string render(const std::vector<Document>& documents, const RenderOptions&) {
  const std::string title = html_escaped(page_title(documents));
  const std::vector<Part> parts = parts_of(documents);
  PageData data;
  std::string out;
  append_head(out, title);
  out +=
      "<body>\n<a class=\"skip\" href=\"#main\">Skip to the results</a>\n<header>\n"
      "<div class=\"top\"><h1 dir=\"auto\"" +
      (parts.size() == 1 ? " id=\"" + parts.front().anchor + "-h\"" : "") + ">" + title +
      "</h1><button type=\"button\" class=\"theme\" hidden>Dark</button></div>\n";
  append_navigation(out, parts);
  out += "</header>\n<main id=\"main\">\n";
  if (plotly_library().empty()) {
    out +=
        "<p class=\"warning\" role=\"note\">This build of assay has no plotting library: the "
        "numbers of each picture are in the table below it.</p>\n";
  }
  for (const Part& part : parts) append_document(out, part, data);
  if (!documents.empty()) append_all_values(out, values_text(documents));
  out +=
      "</main>\n<footer>A pure function of the results database, made by assay. Pictures: "
      "plotly.js, copyright Plotly, Inc., MIT licence.</footer>\n";
  append_programs(out, data.write(documents));
  return out + "</body>\n</html>\n";
}

}  // namespace

void register_html_format(FormatRegistry& registry) {
  registry.add({.name = "html",
                .summary = "one self-contained page with pictures, tables that sort and filter",
                .extension = "html",
                .long_report = true,
                .render = render});
}

}  // namespace assay
