#include "harness/checkpoint/checkpoint.h"

#include <cstdlib>

#include "harness/checkpoint/test_files.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string file_of(const std::vector<StoredTensor>& tensors) {
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

// A copy of a golden model that a test may damage.
class CheckpointFolder : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("ASSAY_HOME", home_.path().c_str(), 1);
    take("llama_gqa");
  }
  void TearDown() override { ::unsetenv("ASSAY_HOME"); }

  void take(const std::string& name) {
    for (const char* file : {"config.json", "model.safetensors"}) {
      fs::copy_file(golden_model(name) / file, path() / file, fs::copy_options::overwrite_existing);
    }
  }
  [[nodiscard]] const fs::path& path() const { return folder_.path(); }
  void change(const std::string& key, const Json& value) {
    Json config = read_json_file(path() / "config.json");
    config[key] = value;
    write_bytes(path() / "config.json", config.dump());
  }
  [[nodiscard]] std::string open_error() const {
    return user_error_of([&] { (void)Checkpoint::open(path()); });
  }
  // The stored tensors in an order and a form of the test's own.
  void rewrite(const std::function<void(std::vector<StoredTensor>&)>& edit) {
    const Checkpoint checkpoint = Checkpoint::open(path());
    std::vector<StoredTensor> tensors = checkpoint.tensors();
    edit(tensors);
    const std::string content = file_of(tensors);
    write_file_atomically(path() / "model.safetensors", content);
  }
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
    fs::remove(path() / "model.safetensors");
  }

  TemporaryFolder folder_, home_;
};

TEST_F(CheckpointFolder, ReadsTheSpec) {
  const ModelSpec spec = Checkpoint::open(path()).spec();
  EXPECT_EQ(spec.family, "llama");
  EXPECT_EQ(spec.layers, 2);
  EXPECT_EQ(spec.kv_heads, 2);
  EXPECT_EQ(spec.head_dim, 8);
  EXPECT_EQ(spec.rotary_dim, 8);
  EXPECT_EQ(spec.checkpoint_dtype, "float32");
  EXPECT_EQ(spec.embedding_width, spec.width);
  EXPECT_EQ(traits(spec).at("ffn.gated"), true);
  EXPECT_EQ(traits(spec).at("ffn.activation"), "silu");
  EXPECT_EQ(traits(spec).at("attention.kv_heads"), 2);
}

TEST_F(CheckpointFolder, ReadsOldAndNewRopeKeys) {
  const Json scaling = {{"rope_type", "llama3"},
                        {"factor", 8.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 64}};
  Json parameters = scaling;
  parameters["rope_theta"] = 777.0;
  change("rope_parameters", parameters);
  const ModelSpec now = Checkpoint::open(path()).spec();
  change("rope_parameters", nullptr);
  change("rope_scaling", scaling);
  change("rope_theta", 777.0);
  const ModelSpec before = Checkpoint::open(path()).spec();
  for (const ModelSpec& spec : {now, before}) {
    EXPECT_EQ(spec.rope_theta, 777.0);
    EXPECT_EQ(spec.rope_scaling.kind, "llama3");
    EXPECT_EQ(spec.rope_scaling.original_positions, 64);
  }
}

TEST_F(CheckpointFolder, MistralWindowDefaultsWhenTheKeyIsAbsent) {
  change("model_type", "mistral");
  EXPECT_EQ(Checkpoint::open(path(), false).spec().sliding_window, 4096);
  change("sliding_window", nullptr);
  EXPECT_EQ(Checkpoint::open(path(), false).spec().sliding_window, 0);
}

TEST_F(CheckpointFolder, WithoutWeightsOnlyTheConfigIsNeeded) {
  fs::remove(path() / "model.safetensors");
  EXPECT_EQ(Checkpoint::open(path(), false).spec().layers, 2);
  EXPECT_THAT(open_error(), HasSubstr("no weights"));
}

TEST_F(CheckpointFolder, MissingConfig) {
  fs::remove(path() / "config.json");
  EXPECT_THAT(open_error(), HasSubstr("no config.json"));
}

TEST_F(CheckpointFolder, UnknownModelTypeListsFamilies) {
  change("model_type", "mamba");
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("\"mamba\""), HasSubstr("llama (llama, mistral, qwen2)"),
                    HasSubstr("opt (opt)")));
}

TEST_F(CheckpointFolder, UnsupportedValuesAreListedTogether) {
  change("hidden_act", "quick_gelu");
  change("rope_parameters", {{"rope_type", "yarn"}, {"factor", 2.0}});
  change("num_hidden_layers", "two");
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("'hidden_act' is \"quick_gelu\""), HasSubstr("gelu_new"),
                    HasSubstr("'rope_parameters.rope_type' is \"yarn\""),
                    HasSubstr("'num_hidden_layers' is \"two\"")));
}

TEST_F(CheckpointFolder, HeadsThatDoNotDivide) {
  change("num_key_value_heads", 4);
  EXPECT_THAT(open_error(), HasSubstr("'num_key_value_heads' is 4 with 6 heads"));
}

TEST_F(CheckpointFolder, MissingAndMisshapenTensorsAreListedTogether) {
  rewrite([](std::vector<StoredTensor>& tensors) {
    std::erase_if(tensors, [](const StoredTensor& t) {
      return t.name == "model.norm.weight" || t.name == "model.layers.1.mlp.up_proj.weight";
    });
    for (StoredTensor& tensor : tensors) {
      if (tensor.name == "model.layers.0.self_attn.k_proj.weight") tensor.shape = {48, 16};
      if (tensor.name == "model.layers.0.input_layernorm.weight") tensor.dtype = "I32";
    }
  });
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("missing tensor 'model.norm.weight' of shape [48]"),
                    HasSubstr("missing tensor 'model.layers.1.mlp.up_proj.weight'"),
                    HasSubstr("'model.layers.0.self_attn.k_proj.weight' has shape [48, 16]; "
                              "config.json asks for [16, 48]"),
                    HasSubstr("'model.layers.0.input_layernorm.weight' has dtype I32")));
}

TEST_F(CheckpointFolder, NamesWithoutPrefixAreAccepted) {
  rewrite([](std::vector<StoredTensor>& tensors) {
    for (StoredTensor& tensor : tensors) {
      if (tensor.name.starts_with("model.")) tensor.name = tensor.name.substr(6);
    }
  });
  const Checkpoint checkpoint = Checkpoint::open(path());
  EXPECT_EQ(checkpoint.bindings().front().tensor, "embed_tokens.weight");
}

TEST_F(CheckpointFolder, TokenizerBeyondTheEmbedding) {
  Json tokenizer = {{"model", {{"vocab", {{"a", 0}, {"b", 66}}}}},
                    {"added_tokens", Json::array({{{"id", 3}, {"content", "<s>"}}})}};
  write_bytes(path() / "tokenizer.json", tokenizer.dump());
  EXPECT_NE(Checkpoint::open(path()).tokenizer_hash(), "");
  tokenizer["added_tokens"][0]["id"] = 67;
  write_bytes(path() / "tokenizer.json", tokenizer.dump());
  EXPECT_THAT(open_error(), AllOf(HasSubstr("largest token id 67"), HasSubstr("67 rows")));
}

TEST_F(CheckpointFolder, MissingShard) {
  shard();
  EXPECT_EQ(Checkpoint::open(path()).spec().layers, 2);
  fs::remove(path() / "two.safetensors");
  EXPECT_THAT(open_error(), HasSubstr("shard two.safetensors is missing"));
}

TEST_F(CheckpointFolder, ShardOutsideTheFolder) {
  shard();
  write_bytes(path() / "model.safetensors.index.json",
              Json{{"weight_map", {{"w", "../one.safetensors"}}}}.dump());
  EXPECT_THAT(open_error(), HasSubstr("allowed: a file name"));
}

TEST_F(CheckpointFolder, TensorInTwoShards) {
  shard();
  fs::copy_file(path() / "one.safetensors", path() / "two.safetensors",
                fs::copy_options::overwrite_existing);
  EXPECT_THAT(open_error(), HasSubstr("is in another shard as well"));
}

TEST_F(CheckpointFolder, HashSeesContentNotFiles) {
  const std::string whole = Checkpoint::open(path()).content_hash();
  shard();
  EXPECT_EQ(Checkpoint::open(path()).content_hash(), whole);
  take("llama_gqa");
  fs::remove(path() / "model.safetensors.index.json");
  rewrite([](std::vector<StoredTensor>& tensors) { tensors[0].shape = tensors[0].shape; });
  EXPECT_EQ(Checkpoint::open(path()).content_hash(), whole);
  change("rope_theta", 5.0);
  EXPECT_NE(Checkpoint::open(path()).content_hash(), whole);
}

TEST_F(CheckpointFolder, HashIsRememberedAndNoticesAChange) {
  const std::string before = Checkpoint::open(path()).content_hash();
  EXPECT_FALSE(fs::is_empty(home_.path() / "hashes"));
  EXPECT_EQ(Checkpoint::open(path()).content_hash(), before);
  std::string content = read_text_file(path() / "model.safetensors");
  content.back() = static_cast<char>(content.back() ^ 1);
  write_file_atomically(path() / "model.safetensors", content);
  EXPECT_NE(Checkpoint::open(path()).content_hash(), before);
}

TEST_F(CheckpointFolder, HashWorksWithoutAHome) {
  const std::string before = Checkpoint::open(path()).content_hash();
  write_bytes(home_.path() / "file", "");
  ::setenv("ASSAY_HOME", (home_.path() / "file" / "home").c_str(), 1);
  EXPECT_EQ(Checkpoint::open(path()).content_hash(), before);
}

TEST_F(CheckpointFolder, NotANumberIsFound) {
  for (const auto& [name, bits] : {std::pair<std::string, std::string>{"llama_gqa", "\xC0\x7F"},
                                   {"opt", "\x01\x7C"},       // F16 NaN
                                   {"qwen2", "\x80\xFF"}}) {  // BF16 minus infinity
    take(name);
    std::string content = read_text_file(path() / "model.safetensors");
    content.replace(content.size() - 2, 2, bits);
    write_file_atomically(path() / "model.safetensors", content);
    EXPECT_THAT(user_error_of([&] { (void)Checkpoint::open(path()).content_hash(); }),
                AllOf(HasSubstr("has 1 values that are NaN or infinite"), HasSubstr("tensor '")))
        << name;
  }
}

TEST_F(CheckpointFolder, UnknownTensorNameSuggests) {
  const Checkpoint checkpoint = Checkpoint::open(path());
  EXPECT_EQ(checkpoint.tensor("lm_head.weight").shape.front(), 67);
  EXPECT_THAT(user_error_of([&] { (void)checkpoint.tensor("lm_head.wieght"); }),
              HasSubstr("did you mean 'lm_head.weight'"));
}

TEST(Families, AreSortedAndComplete) {
  std::vector<std::string> names;
  for (const FamilyInfo& family : families()) names.push_back(family.name);
  EXPECT_THAT(names, ElementsAre("bloom", "falcon", "gpt2", "gpt_neox", "llama", "opt"));
}

}  // namespace
}  // namespace assay
