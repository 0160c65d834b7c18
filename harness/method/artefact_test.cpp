#include "harness/method/artefact.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "harness/base/errors.h"
#include "harness/base/files.h"
#include "harness/method/recording_context.h"
#include "harness/method/tensor_file.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

class ArtefactFile : public ::testing::Test {
 protected:
  ArtefactFile() : file_(place_.scratch() / "a.safetensors") {
    artefact_.plan = {{"kind", "test"}, {"order", {2, 0, 1}}};
    artefact_.tensors["bytes"] = at::ones({3, 5}, at::TensorOptions().dtype(at::kByte));
    artefact_.tensors["empty"] = at::zeros({0, 4});
    artefact_.tensors["reals"] =
        at::arange(12, at::TensorOptions().dtype(at::kFloat)).view({3, 4}).t();  // not contiguous
    artefact_.tensors["wide"] = at::arange(3, at::TensorOptions().dtype(at::kBFloat16));
    save_artefact(file_, {"wanda", 3, {{"sparsity", 0.5}}, "cafe"}, artefact_);
  }
  void overwrite(std::int64_t at, char value) const {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at);
    file.put(value);
  }

  RecordingContext place_{{}, 0, {}};
  fs::path file_;
  Artefact artefact_;
};

TEST_F(ArtefactFile, ComesBackAsItWas) {
  const auto [header, loaded] = load_artefact(file_);
  EXPECT_EQ(header.method, "wanda");
  EXPECT_EQ(header.artefact_version, 3);
  EXPECT_EQ(header.params, (Json{{"sparsity", 0.5}}));
  EXPECT_EQ(header.model_hash, "cafe");
  EXPECT_EQ(loaded.plan, artefact_.plan);
  ASSERT_EQ(loaded.tensors.size(), artefact_.tensors.size());
  for (const auto& [name, tensor] : artefact_.tensors) {
    EXPECT_EQ(loaded.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(loaded.tensors.at(name), tensor)) << name;
  }
}

TEST_F(ArtefactFile, SameContentGivesTheSameBytesAndNothingElseIsLeft) {
  const fs::path folder = place_.scratch() / "other";
  const fs::path other = folder / file_.filename();
  fs::create_directories(folder);
  save_artefact(other, {"wanda", 3, {{"sparsity", 0.5}}, "cafe"}, artefact_);
  EXPECT_EQ(read_text_file(file_), read_text_file(other));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), {}), 1);
}

TEST_F(ArtefactFile, AnotherArtefactMayNotTakeItsName) {
  const fs::path other = place_.scratch() / "other.safetensors";
  fs::copy_file(file_, other);
  EXPECT_THAT([&] { load_artefact(other); },
              ThrowsMessage<UserError>(HasSubstr("it was written as '" + file_.stem().string())));
}

TEST_F(ArtefactFile, DataStartsAtAMultipleOfEight) {
  const std::string text = read_text_file(file_);
  std::uint64_t size = 0;
  std::copy_n(text.data(), sizeof size, reinterpret_cast<char*>(&size));
  EXPECT_EQ(size % 8, 0u);
  EXPECT_EQ(text[8], '{');
}

TEST_F(ArtefactFile, OneChangedByteAnywhereIsRefused) {
  const auto size = static_cast<std::int64_t>(fs::file_size(file_));
  const std::string whole = read_text_file(file_);
  for (std::int64_t at = 0; at < size; ++at) {
    const char old = whole[static_cast<std::size_t>(at)];
    if (old == ' ') continue;  // padding
    overwrite(at, static_cast<char>(old ^ 1));
    EXPECT_THROW(load_artefact(file_), UserError) << "byte " << at;
    overwrite(at, old);
  }
  EXPECT_NO_THROW(load_artefact(file_));
}

TEST_F(ArtefactFile, EveryTruncationIsRefused) {
  for (auto size = fs::file_size(file_); size-- > 0;) {
    fs::resize_file(file_, size);
    EXPECT_THROW(load_artefact(file_), UserError) << size << " bytes";
  }
}

TEST_F(ArtefactFile, MissingForeignAndNewerFilesAreNamed) {
  EXPECT_THAT([] { load_artefact("/nowhere/a.safetensors"); },
              ThrowsMessage<UserError>(HasSubstr("/nowhere/a.safetensors: no such file")));
  write_tensor_file(file_, {{}, artefact_.tensors});
  EXPECT_THAT([&] { load_artefact(file_); },
              ThrowsMessage<UserError>(HasSubstr("not an artefact")));
  write_tensor_file(file_, {{{"assay_artefact", "2"}}, {}});
  EXPECT_THAT([&] { load_artefact(file_); },
              ThrowsMessage<UserError>(HasSubstr("container version 2, this assay reads up to 1")));
}

TEST_F(ArtefactFile, IsRefusedForAnotherMethodVersionOrModel) {
  const ArtefactHeader header = load_artefact(file_).first;
  MethodInfo info;
  info.name = "wanda";
  info.artefact_version = 3;
  EXPECT_NO_THROW(require_artefact_of(header, info, "cafe", "f"));
  EXPECT_NO_THROW(require_artefact_of(header, info, "", "f"));
  EXPECT_THAT([&] { require_artefact_of(header, info, "beef", "f"); },
              ThrowsMessage<UserError>(HasSubstr("made for model cafe")));
  info.artefact_version = 2;
  EXPECT_THAT([&] { require_artefact_of(header, info, "cafe", "f"); },
              ThrowsMessage<UserError>(HasSubstr("artefact version 3")));
  info.name = "ria";
  EXPECT_THAT([&] { require_artefact_of(header, info, "cafe", "f"); },
              ThrowsMessage<UserError>(HasSubstr("an artefact of method 'wanda'")));
}

TEST_F(ArtefactFile, APlaceThatCannotBeWrittenIsAMachineError) {
  EXPECT_THROW(save_artefact("/proc/assay/a.safetensors", {"m", 1, Json::object(), ""}, artefact_),
               MachineError);
}

class Named final : public Method {
 public:
  explicit Named(std::string name, std::vector<TrainingNeed> training = {})
      : name_(std::move(name)), training_(std::move(training)) {}
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = name_;
    info.needs.training = training_;
    return info;
  }
  [[nodiscard]] Artefact fit(const Model&, FitContext&, const Params&) const override { return {}; }
  void apply(Model&, const Artefact&) const override {}

 private:
  std::string name_;
  std::vector<TrainingNeed> training_;
};

TEST(Registry, ListsSortedAndSuggestsForUnknownNames) {
  MethodRegistry registry;
  registry.add(std::make_unique<Named>("wanda"));
  registry.add(std::make_unique<Named>("ria"));
  EXPECT_EQ(registry.all().front()->info().name, "ria");
  EXPECT_EQ(registry.get("wanda").info().name, "wanda");
  EXPECT_TRUE(registry.get("ria").unmet(ModelSpec{}, Params{}).empty());
  EXPECT_THAT([&] { static_cast<void>(registry.get("wnada")); },
              ThrowsMessage<UserError>(HasSubstr("did you mean 'wanda'")));
  EXPECT_THROW(registry.add(std::make_unique<Named>("ria")), std::logic_error);
}

TEST(Registry, TakesFormsOfTrainingDataThatThereAreEachOnce) {
  const TrainingNeed text{.data = kTextData}, labelled{.data = kLabelledData};
  MethodRegistry registry;
  const auto add = [&](const std::vector<TrainingNeed>& needs) {
    registry.add(std::make_unique<Named>("taught", needs));
  };
  EXPECT_THROW(add({{.data = "texts"}}), std::logic_error);
  EXPECT_THROW(add({text, labelled, text}), std::logic_error);
  EXPECT_NO_THROW(add({text, labelled}));
}

}  // namespace
}  // namespace assay
