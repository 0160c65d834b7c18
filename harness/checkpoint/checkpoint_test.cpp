#include "harness/checkpoint/checkpoint.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "harness/checkpoint/checkpoint_folder.h"
#include "harness/checkpoint/test_files.h"
#include "harness/checkpoint/tokenizer_files.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(CheckpointFolder, ReadsTheSpec) {
  const ModelSpec spec = Checkpoint::open(path()).spec();
  EXPECT_EQ(spec.family, "llama");
  EXPECT_EQ(spec.layers, 2);
  EXPECT_EQ(spec.shape.kv_heads, 2);
  EXPECT_EQ(spec.shape.head_dim, 8);
  EXPECT_EQ(spec.rotary_dim, 8);
  EXPECT_EQ(spec.checkpoint_dtype, "float32");
  EXPECT_EQ(spec.embedding_width, spec.width);
  EXPECT_EQ(traits(spec).at("ffn.gated"), true);
  EXPECT_EQ(traits(spec).at("ffn.activation"), "silu");
  EXPECT_EQ(traits(spec).at("attention.kv_heads"), 2);
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
  change("rope_parameters", {{"rope_type", "proportional"}, {"factor", 2.0}});
  change("num_hidden_layers", "two");
  EXPECT_THAT(open_error(),
              AllOf(HasSubstr("'hidden_act' is \"quick_gelu\""), HasSubstr("gelu_new"),
                    HasSubstr("'rope_parameters.rope_type' is \"proportional\""),
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
  const std::string before = Checkpoint::open(golden_model("llama_gqa")).content_hash();
  EXPECT_FALSE(fs::is_empty(home_.path() / "hashes"));
  EXPECT_EQ(Checkpoint::open(golden_model("llama_gqa")).content_hash(), before);
  EXPECT_EQ(Checkpoint::open(path()).content_hash(), before);
  std::string content = read_text_file(path() / "model.safetensors");
  content.back() = static_cast<char>(content.back() ^ 1);
  write_file_atomically(path() / "model.safetensors", content);
  EXPECT_NE(Checkpoint::open(path()).content_hash(), before);
}

TEST_F(CheckpointFolder, HashIsOfTheMappedFileWhateverTakesItsName) {
  const Checkpoint opened = Checkpoint::open(path());
  std::string content = read_text_file(path() / "model.safetensors");
  content.back() = static_cast<char>(content.back() ^ 1);
  write_file_atomically(path() / "model.safetensors", content);  // another file of this name
  EXPECT_EQ(opened.content_hash(), Checkpoint::open(golden_model("llama_gqa")).content_hash());
}

TEST_F(CheckpointFolder, EveryFileOfTheTokenizerIsInBothHashes) {
  std::set<std::string> models = {Checkpoint::open(path()).content_hash()};
  std::set<std::string> tokenizers = {Checkpoint::open(path()).tokenizer_hash()};
  EXPECT_EQ(*tokenizers.begin(), "");
  std::size_t states = 1;
  for (const std::string& name : tokenizer_file_names()) {
    for (const char* content : {"{}", R"({"add_bos_token": true})"}) {
      write_bytes(path() / name, content);
      models.insert(Checkpoint::open(path()).content_hash());
      tokenizers.insert(Checkpoint::open(path()).tokenizer_hash());
      ++states;
    }
  }
  EXPECT_EQ(models.size(), states);
  EXPECT_EQ(tokenizers.size(), states);
  // A repository's cache holds links to blobs: content counts.
  const std::string plain = Checkpoint::open(path()).tokenizer_hash();
  fs::rename(path() / "vocab.json", path() / "blob");
  fs::create_symlink("blob", path() / "vocab.json");
  EXPECT_EQ(Checkpoint::open(path()).tokenizer_hash(), plain);
}

TEST_F(CheckpointFolder, TokenizerHashIsTheOneOfTheTools) {
  // python/tests/test_tokenizer.py has the same files and the same hash.
  write_bytes(path() / "tokenizer_config.json", R"({"add_bos_token": true})");
  write_bytes(path() / "merges.txt", "#version: 0.2\n");
  EXPECT_EQ(Checkpoint::open(path()).tokenizer_hash(),
            "9f4a24b947422aa5dc40f096f43d01e4f5ab6f348f9d240d15a0e87d5b5a0086");
}

TEST_F(CheckpointFolder, DocumentationListsTheFilesOfTheTokenizer) {
  const std::string text = read_text_file(source_dir() / "docs/formats/prepared_data.md");
  for (const std::string& name : tokenizer_file_names()) {
    EXPECT_THAT(text, HasSubstr("| `" + name + "` |"));
  }
}

TEST_F(CheckpointFolder, SaysWhichTokenizerItCannotRead) {
  EXPECT_THAT(tokenizer_problem(path()), HasSubstr("no tokenizer.json, so no text can be read"));
  for (const char* name : {"tokenizer.model", "vocab.txt"}) {
    write_bytes(path() / name, "");
    EXPECT_THAT(tokenizer_problem(path()),
                AllOf(HasSubstr(std::string(name) + ", but no tokenizer.json"),
                      HasSubstr("save_pretrained")));
  }
  write_bytes(path() / "vocab.json", "{}");
  EXPECT_THAT(tokenizer_problem(path()), HasSubstr("neither merges.txt"));
  write_bytes(path() / "merges.txt", "");
  EXPECT_EQ(tokenizer_problem(path()), "");
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

TEST_F(CheckpointFolder, NotANumberInWhatNobodyReadsIsNone) {
  static const std::string kInfinity("\x00\xFC", 2);  // F16: -1e9 becomes minus infinity
  rewrite([](std::vector<StoredTensor>& tensors) {
    StoredTensor mask = tensors.front();
    mask.name = "model.layers.0.attention.masked_bias";
    mask.dtype = "F16";
    mask.shape = {1};
    mask.bytes = std::as_bytes(std::span(kInfinity.data(), 2));
    tensors.push_back(mask);
  });
  EXPECT_EQ(Checkpoint::open(path()).content_hash().size(), 64U);
}

TEST_F(CheckpointFolder, UnknownTensorNameSuggests) {
  const Checkpoint checkpoint = Checkpoint::open(path());
  EXPECT_EQ(checkpoint.tensor("lm_head.weight").shape.front(), 67);
  EXPECT_THAT(user_error_of([&] { (void)checkpoint.tensor("lm_head.wieght"); }),
              HasSubstr("did you mean 'lm_head.weight'"));
}

TEST(Families, AreSortedAndComplete) {
  std::vector<std::string> names, files;
  for (const FamilyInfo& family : families()) names.push_back(family.name);
  const auto folder = source_dir() / "harness" / "checkpoint" / "families";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.push_back(entry.path().stem().string());
  }
  std::sort(files.begin(), files.end());
  EXPECT_EQ(names, files);
}

}  // namespace
}  // namespace assay
