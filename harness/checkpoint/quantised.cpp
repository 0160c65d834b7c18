#include "harness/checkpoint/quantised.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "harness/base/errors.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

/// What gives a quantised tensor away: a part of its name.
struct Sign {
  const char* part;
  const char* method;
};

// The first that is found counts; GPTQ and AWQ share most names.
constexpr Sign kNames[] = {
    {".g_idx", "GPTQ"},
    {"quant_state.bitsandbytes", "bitsandbytes (4 bits)"},
    {".quant_map", "bitsandbytes (4 bits)"},
    {".nested_absmax", "bitsandbytes (4 bits)"},
    {".absmax", "bitsandbytes (4 bits)"},
    {".SCB", "bitsandbytes (int8)"},
    {".weight_format", "bitsandbytes (int8)"},
    {".weight_packed", "compressed-tensors"},
    {".weight_scale_inv", "FP8"},
    {".q_scale", "EXL2"},
    {".qzeros", "GPTQ or AWQ"},
    {".qweight", "GPTQ or AWQ"},
    {".codebooks", "AQLM"},
    {".Qidxs", "QuIP#"},
    {".W_q", "HQQ"},
    {".weight._data", "Quanto"},
    {".weight_scale", "FP8 or int8"},
};

bool contains(const std::string& name, const std::string& part) {
  return name.find(part) != std::string::npos;
}

std::string method_of_names(const std::vector<StoredTensor>& tensors) {
  for (const Sign& sign : kNames) {
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const StoredTensor& t) {
      return contains(t.name, sign.part);
    });
    if (found != tensors.end()) {
      return fmt::format("{} (tensor '{}')", sign.method, found->name);
    }
  }
  return "";
}

std::string method_of_dtypes(const std::vector<StoredTensor>& tensors) {
  for (const StoredTensor& tensor : tensors) {
    const bool matrix = tensor.shape.size() >= 2 && tensor.name.ends_with(".weight");
    const std::string& dtype = tensor.dtype;
    if (dtype.starts_with("F8_") || dtype == "F4" || dtype.starts_with("F6_")) {
      return fmt::format("FP{} (tensor '{}' is {})", dtype[1], tensor.name, dtype);
    }
    if (matrix && (dtype == "I8" || dtype == "U8")) {
      return fmt::format("int8 or packed 4 bits (tensor '{}' is {})", tensor.name, dtype);
    }
  }
  return "";
}

}  // namespace

std::string quantisation_of_config(const Json& config) {
  static const std::map<std::string, std::string> kNamesOfPeople = {
      {"gptq", "GPTQ"},
      {"awq", "AWQ"},
      {"fp8", "FP8"},
      {"fbgemm_fp8", "FP8 (FBGEMM)"},
      {"compressed-tensors", "compressed-tensors"},
      {"hqq", "HQQ"},
      {"aqlm", "AQLM"},
      {"mxfp4", "MXFP4"},
      {"quanto", "Quanto"},
      {"eetq", "EETQ"},
      {"torchao", "torchao"},
  };
  const Json field = config.is_object() ? config.value("quant_method", Json()) : Json();
  const std::string name = field.is_string() ? field.get<std::string>() : "";
  const auto on = [&](const char* key) {
    return config.is_object() && config.value(key, Json()) == true;
  };
  if (on("load_in_4bit") || on("_load_in_4bit")) return "bitsandbytes (4 bits)";
  if (on("load_in_8bit") || on("_load_in_8bit")) return "bitsandbytes (int8)";
  const auto found = kNamesOfPeople.find(name);
  if (found != kNamesOfPeople.end()) return found->second;
  return name.empty() ? "a method that it does not name" : "\"" + name + "\"";
}

void refuse_quantised_tensors(const fs::path& folder, const std::vector<StoredTensor>& tensors) {
  std::string method = method_of_names(tensors);
  if (method.empty()) method = method_of_dtypes(tensors);
  if (method.empty()) return;
  throw UserError(fmt::format("{}: the model is quantised with {}; allowed: plain weights. {}",
                              folder.string(), method, kImportTheOriginal));
}

}  // namespace assay
