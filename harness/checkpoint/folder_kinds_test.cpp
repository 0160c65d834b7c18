// Folders that people have: overlaid shards, quantised weights, Git LFS pointers, other formats.

#include <gmock/gmock.h>

#include "harness/checkpoint/checkpoint_folder.h"
#include "harness/checkpoint/vocabulary.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPointer =
    "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 4242\n";

using FolderKinds = CheckpointFolder;

// Both shards hold a tensor; the second one's is negated, so that it shows which was taken.
class Overlay : public CheckpointFolder {
 protected:
  void SetUp() override {
    CheckpointFolder::SetUp();
    const Checkpoint checkpoint = Checkpoint::open(path());
    original_ = bytes_of(checkpoint.tensor(kName));
    changed_ = original_;
    for (std::size_t at = 3; at < changed_.size(); at += 4) changed_[at] ^= '\x80';
    shard();
  }
  static std::string bytes_of(const StoredTensor& tensor) {
    return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
  }
  void name_shard(const std::string& tensor, const Json& shard) {
    Json index = read_json_file(path() / "model.safetensors.index.json");
    index["weight_map"][tensor] = shard;
    write_bytes(path() / "model.safetensors.index.json", index.dump());
  }
  // Files that only the entry of another tensor brings in.
  void bring_in(const std::string& file) {
    const Checkpoint checkpoint = Checkpoint::open(path());
    StoredTensor extra = checkpoint.tensor("model.norm.weight");
    extra.name = "extra";
    StoredTensor copy = checkpoint.tensor(kName);
    copy.bytes = std::as_bytes(std::span(changed_));
    write_bytes(path() / file, file_of({copy, extra}));
    name_shard("extra", file);
  }

  static constexpr const char* kName = "model.embed_tokens.weight";
  std::string original_, changed_;
};

TEST_F(Overlay, TheIndexDecidesWhicheverNameSortsFirst) {
  const std::string plain = Checkpoint::open(path()).content_hash();
  for (const char* file : {"another.safetensors", "zero.safetensors"}) {
    name_shard(kName, "one.safetensors");
    bring_in(file);
    EXPECT_EQ(bytes_of(Checkpoint::open(path()).tensor(kName)), original_);
    const std::string with_extra = Checkpoint::open(path()).content_hash();
    name_shard(kName, file);
    EXPECT_EQ(bytes_of(Checkpoint::open(path()).tensor(kName)), changed_);
    // The hash is that of the tensors that count.
    EXPECT_NE(Checkpoint::open(path()).content_hash(), with_extra);
    EXPECT_NE(with_extra, plain);
    name_shard(kName, "one.safetensors");
    EXPECT_EQ(Checkpoint::open(path()).content_hash(), with_extra);
    fs::remove(path() / file);
    Json index = read_json_file(path() / "model.safetensors.index.json");
    index["weight_map"].erase("extra");
    write_bytes(path() / "model.safetensors.index.json", index.dump());
  }
}

TEST_F(Overlay, ADuplicateThatTheIndexDoesNotNameIsRefused) {
  bring_in("another.safetensors");
  Json index = read_json_file(path() / "model.safetensors.index.json");
  index["weight_map"].erase(kName);
  write_bytes(path() / "model.safetensors.index.json", index.dump());
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("is in another shard as well"), HasSubstr("weight_map")));
}

TEST_F(Overlay, AShardHasToHoldWhatTheIndexSays) {
  name_shard(kName, "two.safetensors");
  EXPECT_THAT(open_error(), HasSubstr("is said to be in two.safetensors, which does not hold it"));
}

TEST_F(FolderKinds, QuantisationOfAnyKindIsRefusedByName) {
  const std::vector<std::pair<Json, const char*>> cases = {
      {{{"quant_method", "gptq"}, {"bits", 4}}, "GPTQ"},
      {{{"quant_method", "awq"}}, "AWQ"},
      {{{"quant_method", "fp8"}}, "FP8"},
      {{{"quant_method", "bitsandbytes"}, {"load_in_4bit", true}}, "bitsandbytes (4 bits)"},
      {{{"load_in_8bit", true}}, "bitsandbytes (int8)"},
      {{{"quant_method", "compressed-tensors"}}, "compressed-tensors"},
      {{{"quant_method", "brand-new"}}, "\"brand-new\""},
      {Json::object(), "a method that it does not name"},
  };
  for (const auto& [value, name] : cases) {
    change("quantization_config", value);
    for (const bool weights : {true, false}) {
      EXPECT_THAT(open_error(weights),
                  AllOf(HasSubstr("'quantization_config' is there: the model is quantised with "),
                        HasSubstr(name), HasSubstr("Import the original")));
    }
  }
}

TEST_F(FolderKinds, QuantisedTensorsAreKnownByNameAndType) {
  const std::vector<std::tuple<const char*, const char*, const char*>> cases = {
      {"model.layers.0.self_attn.q_proj.g_idx", "I32", "GPTQ"},
      {"model.layers.0.self_attn.q_proj.qweight", "I32", "GPTQ or AWQ"},
      {"model.layers.0.self_attn.q_proj.weight.quant_state.bitsandbytes__nf4", "I32",
       "bitsandbytes (4 bits)"},
      {"model.layers.0.self_attn.q_proj.SCB", "F32", "bitsandbytes (int8)"},
      {"model.layers.0.self_attn.q_proj.weight_scale_inv", "F32", "FP8"},
      {"model.layers.0.self_attn.q_proj.weight_packed", "I32", "compressed-tensors"},
  };
  for (const auto& [name, dtype, method] : cases) {
    take("llama_gqa");
    rewrite([&](std::vector<StoredTensor>& tensors) {
      StoredTensor extra = tensors.front();
      extra.name = name;
      extra.dtype = dtype;
      tensors.push_back(extra);
    });
    EXPECT_THAT(open_error(), AllOf(HasSubstr(method), HasSubstr(name), HasSubstr("quantised")));
  }
}

TEST_F(FolderKinds, QuantisedElementTypesAreKnown) {
  for (const char* dtype : {"F8_E4M3", "I8", "F8_E8M0", "F4"}) {
    take("llama_gqa");
    rewrite([&](std::vector<StoredTensor>& tensors) {
      for (StoredTensor& tensor : tensors) {
        if (tensor.name != "model.layers.0.self_attn.q_proj.weight") continue;
        tensor.dtype = dtype;
        tensor.shape[1] *= 4;
      }
    });
    EXPECT_THAT(open_error(), AllOf(HasSubstr("q_proj.weight"), HasSubstr(dtype),
                                    HasSubstr("quantised"), HasSubstr("Import the original")));
  }
}

TEST_F(FolderKinds, LfsPointersAreNamedWhateverFileTheyStandFor) {
  shard();
  for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json",
                           "model.safetensors.index.json", "one.safetensors"}) {
    const fs::path place = path() / file;
    const std::string before = fs::exists(place) ? read_text_file(place) : "";
    write_bytes(place, kPointer);
    EXPECT_THAT(open_error(), AllOf(HasSubstr(place.string() + ": this is a Git LFS pointer"),
                                    HasSubstr("lfs pull")));
    before.empty() ? (void)fs::remove(place) : write_bytes(place, before);
  }
  write_bytes(path() / "pytorch_model.bin", kPointer);  // nobody reads it
  EXPECT_EQ(Checkpoint::open(path()).spec().layers, 2);
  fs::remove(path() / "model.safetensors.index.json");
  fs::remove(path() / "one.safetensors");
  fs::remove(path() / "two.safetensors");
  EXPECT_THAT(open_error(), HasSubstr("pytorch_model.bin: this is a Git LFS pointer"));
}

TEST_F(FolderKinds, OtherFormatsGetTheirOwnAdvice) {
  fs::remove(path() / "model.safetensors");
  const std::string plain = open_error();
  EXPECT_THAT(plain, AllOf(HasSubstr("no weights"), Not(HasSubstr("It holds"))));
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"tf_model.h5", "from_tf=True"},
      {"consolidated.00.pth", "Meta's own format"},
      {"model.Q4_0.gguf", "gguf_file='model.Q4_0.gguf'"},
      {"pytorch_model-00001-of-00002.bin", "M.from_pretrained('" + path().string() +
                                               "').save_pretrained('" + path().string() +
                                               "-safetensors')"},
      {"weights.safetensors", "rename it to model.safetensors"},
      {"consolidated.safetensors", "Mistral's own format"},
      {"model-00001-of-00002.safetensors", "add model.safetensors.index.json"},
      {"adapter_config.json", "merge it into its base model"},
  };
  for (const auto& [file, advice] : cases) {
    write_bytes(path() / file, "x");
    EXPECT_THAT(open_error(), AllOf(HasSubstr("no weights"), HasSubstr(file), HasSubstr(advice)));
  }
  fs::remove(path() / "config.json");
  EXPECT_THAT(open_error(), AllOf(HasSubstr("no config.json"), HasSubstr("adapter")));
}

TEST_F(FolderKinds, ATokenizerMayKnowMoreTokensThanTheModel) {
  const Json tokenizer = {{"model", {{"vocab", {{"a", 0}, {"b", 66}, {"c", 90}}}}},
                          {"added_tokens", Json::array({{{"id", 67}, {"content", "[PAD]"}}})}};
  write_bytes(path() / "tokenizer.json", tokenizer.dump());
  EXPECT_NE(Checkpoint::open(path()).tokenizer_hash(), "");
  const Vocabulary vocabulary{67, path()};
  require_token(vocabulary, 66, "here");
  EXPECT_THAT(
      user_error_of([&] { require_token(vocabulary, 67, "wikitext2/test, token 5"); }),
      AllOf(HasSubstr("wikitext2/test, token 5: token 67 (\"[PAD]\") is beyond the 67 rows"),
            HasSubstr("0 to 66")));
  EXPECT_EQ(token_name(vocabulary, 90), "token 90 (\"c\")");
  EXPECT_EQ(token_name({67, {}}, 90), "token 90");
}

}  // namespace
}  // namespace assay
