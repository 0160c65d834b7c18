#include "harness/method/real_text.h"

#include <ATen/ops/from_blob.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "harness/base/files.h"
#include "harness/method/recording_context.h"
#include "tests/support/build_paths.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// More than any English text has in a token.
constexpr std::int64_t kBytesPerToken = 8;

}  // namespace

fs::path real_model(const std::string& name) {
  const std::string models = environment_or("ASSAY_MODELS", "");
  if (models.empty() || environment_or("ASSAY_DATA", "").empty() || test_python().empty())
    return {};
  return fs::path(models) / name;
}

at::Tensor real_tokens(const fs::path& model_folder, const std::string& file, std::int64_t samples,
                       std::int64_t tokens) {
  const RecordingContext place({}, 0, {});
  const fs::path data = environment_or("ASSAY_DATA", "");
  const std::int64_t count = samples * tokens;
  std::string text = read_text_file(data / file);
  text.resize(std::min(text.size(), static_cast<std::size_t>(count * kBytesPerToken)));
  text.resize(text.rfind('\n') + 1);  // whole lines: no character is cut
  write_file_atomically(place.scratch() / "text", text);
  const std::string line = fmt::format(
      "PYTHONPATH='{}/python' '{}' -B -m assay_tools prepare-stream --manifest "
      "'{}/datasets/{}.toml' "
      "--split {} --tokenizer '{}' --out '{}' --raw '{}' > /dev/null",
      source_dir().string(), test_python(), source_dir().string(),
      fs::path(file).parent_path().string(), fs::path(file).stem().string(), model_folder.string(),
      (place.scratch() / "out").string(), (place.scratch() / "text").string());
  if (std::system(line.c_str()) != 0) throw std::runtime_error("failed: " + line);
  std::string bytes = read_text_file(place.scratch() / "out" / "tokens.bin");
  if (bytes.size() < static_cast<std::size_t>(count) * sizeof(std::int32_t)) {
    throw std::runtime_error(file + " is shorter than asked for");
  }
  return at::from_blob(bytes.data(), {samples, tokens}, at::kInt).to(at::kLong);
}

}  // namespace assay
