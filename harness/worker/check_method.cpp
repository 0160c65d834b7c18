#include "harness/worker/check_method.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>

#include "harness/method/conformance.h"
#include "harness/method/recording_context.h"
#include "harness/method/tiny_model.h"
#include "harness/worker/failure.h"

namespace assay {
namespace {

constexpr std::uint64_t kModelSeed = 11;

struct ModelKind {
  const char* name;
  TinyFamily family;
};
constexpr ModelKind kModelKinds[] = {{"gated_decoder", TinyFamily::kLlama},
                                     {"plain_decoder", TinyFamily::kOpt},
                                     {"encoder_with_a_classifier", TinyFamily::kBert},
                                     {"norms_around_blocks", TinyFamily::kGemma3},
                                     {"norms_behind_blocks", TinyFamily::kOlmo2},
                                     {"mixtures_of_experts", TinyFamily::kQwen3Moe}};

void write_line(int descriptor, const Json& document) {
  const std::string text = document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(descriptor, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw std::system_error(errno, std::generic_category(), "standard output");
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Says what the kit looks at, as it does.
ConformanceWatch watch_for(const char* model, int descriptor) {
  return {.begins =
              [=](const std::string& subject) {
                write_line(descriptor, {{"t", "begins"}, {"model", model}, {"subject", subject}});
              },
          .checked =
              [=](const CheckedFact& fact) {
                Json line = {{"t", "checked"},
                             {"model", model},
                             {"check", check_name(fact.check)},
                             {"subject", fact.subject}};
                if (!fact.problem.empty()) line["problem"] = fact.problem;
                write_line(descriptor, line);
              }};
}

std::string text_of_current_exception() {
  const OutcomeReason reason = outcome_of_current_exception();
  return fmt::format("{} ({}): {}", outcome_name(reason.outcome), reason.code, reason.text);
}

}  // namespace

void check_method(const Method& method, const Json& cases, const std::string& place,
                  int descriptor) {
  const ConformanceCases tried = conformance_cases(cases, place);
  const RecordingContext folder({}, 0, {});
  std::int64_t count = 0;
  for (const ModelKind& kind : kModelKinds) {
    const std::filesystem::path model = folder.scratch() / kind.name;
    write_tiny_model(model, kind.family, kModelSeed);
    try {
      const ConformanceReport report =
          check_conformance(method, tried, model, watch_for(kind.name, descriptor));
      count += report.tried;
      for (const std::string& text : report.left_out) {
        write_line(descriptor, {{"t", "left_out"}, {"model", kind.name}, {"text", text}});
      }
    } catch (...) {
      write_line(descriptor,
                 {{"t", "threw"}, {"model", kind.name}, {"text", text_of_current_exception()}});
    }
  }
  write_line(descriptor, {{"t", "done"}, {"tried", count}});
}

}  // namespace assay
