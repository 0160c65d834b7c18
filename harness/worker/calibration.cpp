#include "harness/worker/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "harness/base/cell_errors.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"
#include "harness/base/json.h"
#include "harness/base/python_random.h"

namespace assay {
namespace {

constexpr int kFormatVersion = 1;

Json read_manifest(const std::filesystem::path& path) {
  Json manifest = read_json_file(path);
  if (!manifest.is_object() || manifest.value("version", Json()) != Json(kFormatVersion) ||
      !manifest.value("files", Json()).is_object()) {
    throw FileError(path.string() +
                    ": no manifest of version 1 with the files' hashes; remove its "
                    "folder to have it prepared again");
  }
  if (manifest.value("format", Json()) != Json("stream")) {
    throw UserError(path.string() + ": holds no token stream; choose a data set of kind text");
  }
  return manifest;
}

/// The file's values, after its content was compared with the hash in the manifest.
template <typename T>
std::vector<T> read_array(const std::filesystem::path& folder, const char* name,
                          const Json& manifest) {
  const std::filesystem::path path = folder / name;
  const std::string bytes = read_text_file(path);
  if (manifest.at("files").value(name, Json()) != Json(sha256_hex(bytes))) {
    throw FileError(path.string() +
                    ": content differs from its hash in manifest.json; remove its "
                    "folder to have it prepared again");
  }
  if (bytes.size() % sizeof(T) != 0) {
    throw FileError(
        fmt::format("{}: {} bytes are no whole number of {}-byte values; delete its "
                    "folder, it is made again",
                    path.string(), bytes.size(), sizeof(T)));
  }
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

void check_offsets(const std::filesystem::path& path, const CalibrationText& stream) {
  const auto& offsets = stream.document_offsets;
  const bool whole = !offsets.empty() && offsets.front() == 0 &&
                     offsets.back() == static_cast<std::int64_t>(stream.document_tokens.size()) &&
                     std::is_sorted(offsets.begin(), offsets.end());
  if (!whole) {
    throw FileError(
        path.string() +
        ": offsets do not cover the tokens; remove its folder to have it prepared again");
  }
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
  const Json manifest = read_manifest(folder / "manifest.json");
  CalibrationText stream;
  if (sampling == "documents") {
    stream.document_tokens = read_array<std::int32_t>(folder, "document_tokens.bin", manifest);
    stream.document_offsets = read_array<std::int64_t>(folder, "document_offsets.bin", manifest);
    check_offsets(folder / "document_offsets.bin", stream);
  } else {
    stream.tokens = read_array<std::int32_t>(folder, "tokens.bin", manifest);
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
