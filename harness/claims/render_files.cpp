// Markdown, CSV and JSON.

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/markup.h"
#include "harness/base/text.h"
#include "harness/claims/claim_lines.h"

namespace assay {
namespace {

std::string md_row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + markdown_escaped(cell) + " |";
  return line + "\n";
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text)
    quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + "\"";
}

std::string csv_row(const std::vector<std::string>& cells) {
  std::vector<std::string> quoted;
  for (const std::string& cell : cells) quoted.push_back(csv_cell(cell));
  return join(quoted, ",") + "\n";
}

template <typename Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json value_json(const PublishedValue& value) {
  using Kind = PublishedValue::Kind;
  switch (value.kind) {
    case Kind::kNone:
      return nullptr;
    case Kind::kNumber:
      return value.lo;
    case Kind::kRange:
      return {{"from", value.lo}, {"to", value.hi}};
    case Kind::kBelow:
      return {{"below", value.hi}};
    case Kind::kAbove:
      return {{"above", value.lo}};
    case Kind::kText:
      return value.text;
  }
  return nullptr;
}

Json nearest_json(const ClaimJudgement& judgement) {
  if (!judgement.nearest) return nullptr;
  const Measured& measured = *judgement.nearest;
  const ResultRow& row = measured.row;
  return {{"database", measured.database},
          {"experiment", row.experiment},
          {"model", row.model},
          {"method", row.method},
          {"params", measured.params},
          {"calibration", measured.calibration},
          {"suite", row.suite},
          {"suite_params", measured.suite_params},
          {"metric", text_or_null(row.metric)},
          {"convention", row.convention},
          {"profile", row.profile},
          {"device", text_or_null(measured.device)},
          {"seed", row.seed},
          {"status", row.status},
          {"value", or_null(row.value)},
          {"lo", or_null(row.lo)},
          {"hi", or_null(row.hi)},
          {"twin_value", or_null(row.twin_value)},
          {"ratio", or_null(row.ratio)},
          {"limited", row.limited},
          {"random_weights", row.random_weights},
          {"cell_key", row.cell_key}};
}

Json claim_json(const Claim& claim) {
  return {{"id", claim.id},
          {"model", claim.model},
          {"dataset", claim.dataset},
          {"metric", claim.metric_name()},
          {"setting", claim.setting},
          {"method", claim.method},
          {"params", or_null(claim.params)},
          {"claimed", value_json(claim.value)},
          {"unit", claim.unit},
          {"source", claim.source},
          {"evidence", grade_name(claim.grade)}};
}

Json judgement_json(const ClaimJudgement& judgement) {
  Json document = claim_json(*judgement.of.claim);
  document["paper"] = judgement.of.paper->name;
  document["verdict"] = verdict_name(judgement.verdict);
  document["reasons"] = Json::array();
  for (const ClaimReason& reason : judgement.reasons) {
    document["reasons"].push_back({{"code", reason.code}, {"text", reason.text}});
  }
  document["here"] = or_null(judgement.here);
  document["allowed"] = or_null(judgement.band);
  document["nearest"] = nearest_json(judgement);
  return document;
}

}  // namespace

std::string claims_markdown(const Reproduction& reproduction) {
  std::string text =
      fmt::format("# Claimed against measured: {}\n\n", markdown_escaped(reproduction.name));
  for (const std::string& line : heading_lines(reproduction))
    text += markdown_escaped(line) + "\n\n";
  text += md_row({"claim", "model", "data", "metric", "setting", "claimed", "here", "verdict",
                  "because", "nearest here"});
  text += "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const ClaimJudgement* judgement : written(reproduction)) {
    const Claim& claim = *judgement->of.claim;
    text += md_row({claim.id, claim.model, claim.dataset, claim.metric_name(), claim.setting,
                    claimed_text(claim), here_text(*judgement), verdict_name(judgement->verdict),
                    because_text(*judgement), nearest_text(*judgement)});
  }
  text += "\n";
  for (const std::string& line : summary_lines(reproduction))
    text += markdown_escaped(line) + "\n\n";
  text.pop_back();
  return text;
}

std::string claims_csv(const Reproduction& reproduction) {
  std::string text =
      csv_row({"paper", "claim", "model", "dataset", "metric", "setting", "method", "claimed",
               "unit", "evidence", "source", "verdict", "here", "allowed", "because", "nearest"});
  for (const ClaimJudgement* judgement : written(reproduction)) {
    const Claim& claim = *judgement->of.claim;
    const auto number = [](const std::optional<double>& value) {
      return value ? fmt::format("{}", *value) : "";
    };
    text += csv_row({judgement->of.paper->name, claim.id, claim.model, claim.dataset,
                     claim.metric_name(), claim.setting, claim.method, claim.value.printed(),
                     claim.unit, grade_name(claim.grade), claim.source,
                     verdict_name(judgement->verdict), number(judgement->here),
                     number(judgement->band), because_text(*judgement), nearest_text(*judgement)});
  }
  return text;
}

Json claims_json(const Reproduction& reproduction, ExitCode exit_code) {
  std::map<std::string, int> verdicts;
  Json rows = Json::array();
  for (const ClaimJudgement* judgement : written(reproduction)) {
    ++verdicts[verdict_name(judgement->verdict)];
    rows.push_back(judgement_json(*judgement));
  }
  return {{"version", 1},
          {"name", reproduction.name},
          {"databases", reproduction.databases},
          {"exit_code", static_cast<int>(exit_code)},
          {"counts", verdicts},
          {"not_shown", hidden_counts(reproduction)},
          {"claims", rows}};
}

Json papers_json(const ClaimSet& claims, const MethodKnowledge& methods) {
  Json list = Json::array();
  for (const Paper& paper : claims.papers) {
    std::map<std::string, int> grades;
    bool here = false;
    for (const Claim& claim : paper.claims) {
      ++grades[grade_name(claim.grade)];
      here = here || (claim.method != "dense" && methods.has(claim.method));
    }
    list.push_back({{"paper", paper.name},
                    {"title", paper.title},
                    {"reference", paper.reference},
                    {"aliases", paper.aliases},
                    {"note", paper.note},
                    {"claims", grades},
                    {"method_here", here}});
  }
  return list;
}

}  // namespace assay
