#include "harness/method/artefact.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/method/tensor_file.h"

namespace assay {
namespace {

using Metadata = std::map<std::string, std::string>;

[[noreturn]] void damaged(const std::filesystem::path& path, const std::string& problem) {
  throw UserError(fmt::format("{}: damaged artefact: {}; delete it, it will be made again",
                              path.string(), problem));
}

const std::string& metadata_text(const std::filesystem::path& path, const Metadata& metadata,
                                 const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) damaged(path, "the header lacks '" + key + "'");
  return found->second;
}

int metadata_int(const std::filesystem::path& path, const Metadata& metadata,
                 const std::string& key) {
  const std::string& text = metadata_text(path, metadata, key);
  int value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    damaged(path, "'" + key + "' is not a whole number: '" + text + "'");
  }
  return value;
}

Json metadata_json(const std::filesystem::path& path, const Metadata& metadata,
                   const std::string& key) {
  Json value = try_parse_json(metadata_text(path, metadata, key));
  if (value.is_discarded()) damaged(path, "'" + key + "' is not JSON");
  return value;
}

/// Over the metadata (without the checksum itself), and each tensor's name, dtype, shape, bytes.
std::string checksum(const TensorFile& file) {
  Sha256 hash;
  for (const auto& [key, value] : file.metadata) {
    if (key != "checksum") hash.update(canonical_json({key, value}));
  }
  for (const auto& [name, tensor] : file.tensors) {
    hash.update(canonical_json({name, c10::toString(tensor.scalar_type()), tensor.sizes().vec()}));
    const at::Tensor here = tensor.cpu().contiguous();
    hash.update(std::string_view(static_cast<const char*>(here.const_data_ptr()), here.nbytes()));
  }
  return hash.hex();
}

}  // namespace

void save_artefact(const std::filesystem::path& path, const ArtefactHeader& header,
                   const Artefact& artefact) {
  TensorFile file;
  file.tensors = artefact.tensors;
  file.metadata = {{"assay_artefact", std::to_string(kArtefactContainerVersion)},
                   {"method", header.method},
                   {"artefact_version", std::to_string(header.artefact_version)},
                   {"params", canonical_json(header.params)},
                   {"model_hash", header.model_hash},
                   {"name", path.stem().string()},
                   {"plan", canonical_json(artefact.plan)}};
  file.metadata["checksum"] = checksum(file);
  write_tensor_file(path, file);
}

std::pair<ArtefactHeader, Artefact> load_artefact(const std::filesystem::path& path) {
  TensorFile file = read_tensor_file(path);
  if (!file.metadata.contains("assay_artefact")) {
    throw UserError(path.string() + ": a tensor file, but not an artefact of assay");
  }
  const int container = metadata_int(path, file.metadata, "assay_artefact");
  if (container > kArtefactContainerVersion) {
    throw UserError(fmt::format(
        "{}: artefact container version {}, this assay reads up to {}; use a newer assay, or "
        "delete the file to fit again",
        path.string(), container, kArtefactContainerVersion));
  }
  if (metadata_text(path, file.metadata, "checksum") != checksum(file)) {
    damaged(path, "content and checksum differ");
  }
  // Its name is the key of what it was made for, so another artefact may not take it.
  const std::string& name = metadata_text(path, file.metadata, "name");
  if (name != path.stem()) damaged(path, "it was written as '" + name + "'");
  ArtefactHeader header;
  header.method = metadata_text(path, file.metadata, "method");
  header.artefact_version = metadata_int(path, file.metadata, "artefact_version");
  header.params = metadata_json(path, file.metadata, "params");
  header.model_hash = metadata_text(path, file.metadata, "model_hash");
  Artefact artefact;
  artefact.plan = metadata_json(path, file.metadata, "plan");
  artefact.tensors = std::move(file.tensors);
  return {std::move(header), std::move(artefact)};
}

void require_artefact_of(const ArtefactHeader& header, const MethodInfo& info,
                         const std::string& model_hash, const std::string& place) {
  if (header.method != info.name) {
    throw UserError(
        fmt::format("{}: an artefact of method '{}', but '{}' is to be applied; fit "
                    "'{}' to this model",
                    place, header.method, info.name, info.name));
  }
  if (header.artefact_version > info.artefact_version) {
    throw UserError(
        fmt::format("{}: artefact version {} of method '{}', this assay knows up to {}; "
                    "use a newer assay, or delete the file to fit again",
                    place, header.artefact_version, info.name, info.artefact_version));
  }
  if (!model_hash.empty() && header.model_hash != model_hash) {
    throw UserError(fmt::format("{}: made for model {}, but the model here is {}; fit again", place,
                                header.model_hash.substr(0, 12), model_hash.substr(0, 12)));
  }
}

}  // namespace assay
