#include "harness/worker/calibration.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/errors.h"
#include "harness/base/python_random.h"
#include "harness/data/prepared_folder.h"

namespace assay {
namespace {

void check_offsets(const PreparedFolder& folder, const CalibrationText& stream) {
  const auto& offsets = stream.document_offsets;
  const bool whole = !offsets.empty() && offsets.front() == 0 &&
                     offsets.back() == static_cast<std::int64_t>(stream.document_tokens.size()) &&
                     std::is_sorted(offsets.begin(), offsets.end());
  if (!whole) folder.fail("document_offsets.bin", "offsets do not cover the tokens");
}

void append_crop(std::vector<std::int32_t>& result, std::span<const std::int32_t> text,
                 std::int64_t tokens, PythonRandom& random) {
  const auto size = static_cast<std::int64_t>(text.size());
  const std::int64_t start = random.randint(0, size - tokens - 1);
  const auto crop = text.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(tokens));
  result.insert(result.end(), crop.begin(), crop.end());
}

std::int64_t longest_document(std::span<const std::int64_t> offsets) {
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    longest = std::max(longest, offsets[i] - offsets[i - 1]);
  }
  return longest;
}

}  // namespace

CalibrationText read_calibration_text(const std::filesystem::path& folder,
                                      const std::string& sampling) {
  const PreparedFolder prepared(folder, "stream");
  CalibrationText stream;
  if (sampling == "documents") {
    stream.document_tokens = prepared.read_array<std::int32_t>("document_tokens.bin");
    stream.document_offsets = prepared.read_array<std::int64_t>("document_offsets.bin");
    check_offsets(prepared, stream);
  } else {
    stream.tokens = prepared.read_array<std::int32_t>("tokens.bin", prepared.count("tokens"));
  }
  return stream;
}

std::vector<std::int32_t> sample_documents(std::span<const std::int32_t> all,
                                           std::span<const std::int64_t> offsets,
                                           std::int64_t samples, std::int64_t tokens,
                                           std::uint64_t seed) {
  const std::int64_t longest = longest_document(offsets);
  if (longest <= tokens) {
    throw UserError(fmt::format(
        "calibration asks for sequences of {} tokens, and a document must be longer; the longest "
        "of {} documents has {} tokens: lower calibration.tokens to at most {}",
        tokens, std::max<std::size_t>(offsets.size(), 1) - 1, longest,
        std::max<std::int64_t>(longest - 1, 0)));
  }
  PythonRandom random(seed);
  std::vector<std::int32_t> result;
  result.reserve(static_cast<std::size_t>(samples * tokens));
  const auto documents = static_cast<std::int64_t>(offsets.size()) - 1;
  for (std::int64_t sample = 0; sample < samples;) {
    const auto document = static_cast<std::size_t>(random.randint(0, documents - 1));
    const std::int64_t begin = offsets[document], length = offsets[document + 1] - begin;
    if (length <= tokens) continue;
    append_crop(result,
                all.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(length)),
                tokens, random);
    ++sample;
  }
  return result;
}

std::vector<std::int32_t> sample_stream(std::span<const std::int32_t> all, std::int64_t samples,
                                        std::int64_t tokens, std::uint64_t seed) {
  const auto size = static_cast<std::int64_t>(all.size());
  if (size <= tokens) {
    throw UserError(fmt::format(
        "calibration asks for sequences of {} tokens, and the text must be longer; it has {} "
        "tokens: lower calibration.tokens to at most {}, or choose a longer text",
        tokens, size, std::max<std::int64_t>(size - 1, 0)));
  }
  PythonRandom random(seed);
  std::vector<std::int32_t> result;
  result.reserve(static_cast<std::size_t>(samples * tokens));
  for (std::int64_t sample = 0; sample < samples; ++sample)
    append_crop(result, all, tokens, random);
  return result;
}

std::vector<std::int32_t> sample_calibration(const CalibrationRequest& request,
                                             std::uint64_t seed) {
  const CalibrationText stream = read_calibration_text(request.data, request.sampling);
  if (request.sampling == "documents") {
    return sample_documents(stream.document_tokens, stream.document_offsets, request.samples,
                            request.tokens, seed);
  }
  return sample_stream(stream.tokens, request.samples, request.tokens, seed);
}

}  // namespace assay
