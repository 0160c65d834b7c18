#pragma once
// Test support: a copy of a golden model that a test may damage.

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/test_files.h"

namespace assay {

/// A safetensors file of these tensors.
inline std::string file_of(const std::vector<StoredTensor>& tensors) {
  Json header = Json::object();
  std::string data;
  for (const StoredTensor& tensor : tensors) {
    const std::size_t begin = data.size();
    data.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    header[tensor.name] = {
        {"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, data.size()}}};
  }
  return safetensors_bytes(header.dump(), data);
}

class CheckpointFolder : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("ASSAY_HOME", home_.path().c_str(), 1);
    take("llama_gqa");
  }
  void TearDown() override { ::unsetenv("ASSAY_HOME"); }

  void take(const std::string& name) {
    for (const char* file : {"config.json", "model.safetensors"}) {
      std::filesystem::copy_file(golden_model(name) / file, path() / file,
                                 std::filesystem::copy_options::overwrite_existing);
    }
  }
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  void change(const std::string& key, const Json& value) {
    Json config = read_json_file(path() / "config.json");
    config[key] = value;
    write_bytes(path() / "config.json", config.dump());
  }
  [[nodiscard]] std::string open_error(bool weights = true) const {
    return user_error_of([&] { (void)Checkpoint::open(path(), weights); });
  }
  /// Code -> text of what opening the folder warns of.
  [[nodiscard]] std::map<std::string, std::string> warnings() const {
    std::map<std::string, std::string> found;
    const Checkpoint checkpoint = Checkpoint::open(path());
    for (const ModelWarning& warning : checkpoint.warnings()) found[warning.code] += warning.text;
    return found;
  }
  /// The stored tensors in an order and a form of the test's own.
  void rewrite(const std::function<void(std::vector<StoredTensor>&)>& edit) {
    const Checkpoint checkpoint = Checkpoint::open(path());
    std::vector<StoredTensor> tensors = checkpoint.tensors();
    edit(tensors);
    const std::string content = file_of(tensors);
    write_file_atomically(path() / "model.safetensors", content);
  }
  /// Two shards and their index instead of one file.
  void shard() {
    const Checkpoint checkpoint = Checkpoint::open(path());
    const auto& all = checkpoint.tensors();
    const auto middle = all.begin() + 7;
    Json map = Json::object();
    for (auto it = all.begin(); it != all.end(); ++it) {
      map[it->name] = it < middle ? "one.safetensors" : "two.safetensors";
    }
    write_bytes(path() / "one.safetensors", file_of({all.begin(), middle}));
    write_bytes(path() / "two.safetensors", file_of({middle, all.end()}));
    write_bytes(path() / "model.safetensors.index.json", Json{{"weight_map", map}}.dump());
    std::filesystem::remove(path() / "model.safetensors");
  }

  TemporaryFolder folder_, home_;
};

}  // namespace assay
