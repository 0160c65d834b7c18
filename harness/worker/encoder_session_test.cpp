// Requests about encoders.

#include <fstream>

#include "harness/base/files.h"
#include "harness/data/labelled_fixture.h"
#include "harness/model/encoder_golden.h"
#include "harness/worker/probe.h"
#include "harness/worker/session_fixture.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

/// An encoder with a classifier, real suites and labelled data.
class EncoderSession : public Session {
 protected:
  void SetUp() override {
    Session::SetUp();
    register_builtin_suites(suites_);
    take("bert_classifier");
    items_.label_names = {"a", "b", "c"};
    items_.max_tokens = 16;
    for (std::int32_t i = 0; i < 6; ++i) add_item(items_, {2, 10 + i, 20 - i, 3}, i % 3);
    fs::create_directories(folder_ / "labelled");
    write_labelled(folder_ / "labelled", items_);
  }
  void take(const std::string& encoder) {
    request_.model_folder = encoder_folder() / encoder;
    plan_model();
  }
  /// Takes a copy of the model with these names.
  void name_classes(const Json& names) {
    fs::copy(request_.model_folder, folder_ / "named");
    Json config = read_json_file(folder_ / "named/config.json");
    config.erase("label2id");
    config["id2label"] = names;
    std::ofstream(folder_ / "named/config.json") << config.dump();
    request_.model_folder = folder_ / "named";
    plan_model();
  }
  WorkerReply score(const std::string& kind, const Json& params = Json::object()) {
    request_.op = "score";
    request_.suite_kind = kind;
    request_.suite_params = params;
    request_.data = folder_ / "labelled";
    return run();
  }
  WorkerReply time(const std::string& kind, const Json& params) {
    request_.op = "time";
    request_.suite_kind = kind;
    request_.suite_params = params;
    request_.data.clear();
    return run();
  }
  static std::string text(const WorkerReply& reply) {
    return named(reply) + ": " + reply.outcome->text;
  }

  const Json labelled_ = {{"max_tokens", 16}};
  const Json quick_ = {{"batch", 2},         {"length", 8},      {"seconds", 0},
                       {"warmup_calls", 1},  {"max_seconds", 0}, {"warmup_seconds", 0},
                       {"measured_calls", 1}};
  LabelledItems items_;
};

TEST_F(EncoderSession, IsScoredAndTimedWithOneFingerprint) {
  for (const char* dtype : {"fp32", "bf16"}) {
    request_.dtype = dtype;
    request_.expected.reset();
    const WorkerReply scored = score("classification", labelled_);
    ASSERT_EQ(text(scored), "OK : ") << dtype;
    EXPECT_EQ(scored.items.size(), 6U);
    EXPECT_EQ(scored.fingerprint->values.size(), 6U) << "2 sequences, 3 classes";
    EXPECT_GT(value_of(scored, "model/flops_per_token"), 0);
    request_.expected = scored.fingerprint;
    const WorkerReply timed = time("classify_throughput", quick_);
    ASSERT_EQ(text(timed), "OK : ") << dtype;
    EXPECT_GT(value_of(timed, "classify/items_per_s"), 0);
    EXPECT_EQ(timed.fingerprint->values, scored.fingerprint->values);
    request_.expected->values[0] += 1;
    EXPECT_EQ(named(time("classify_throughput", quick_)), "INVALID fingerprint_mismatch");
  }
}

TEST_F(EncoderSession, PrunedIsAnotherModel) {
  const Fingerprint dense = score("classification", labelled_).fingerprint.value();
  request_.op = "fit";
  request_.method = "magnitude";
  request_.params = {{"sparsity", 0.5}};
  request_.artefact = folder_ / "a.safetensors";
  ASSERT_EQ(text(run()), "OK : ");
  request_.applied = {{"magnitude", request_.artefact}};
  const WorkerReply pruned = score("classification_kl", labelled_);
  ASSERT_EQ(text(pruned), "OK : ");
  EXPECT_GT(value_of(pruned, "kl"), 0);
  EXPECT_GT(fingerprint_distance(dense, pruned.fingerprint.value()), 1e-3);
}

TEST_F(EncoderSession, SuitesOfDecodersDoNotApplyAndSayWhatDoes) {
  for (const char* kind : {"token_ppl", "kl", "multiple_choice", "last_word"}) {
    const std::string found = text(score(kind));
    EXPECT_EQ(found.find("UNMET requirement: suite kind '" + std::string(kind) +
                         "': causal must be true (this model: false): an encoder predicts no next"),
              0U)
        << found;
  }
  for (const char* kind : {"prefill", "decode", "ffn_decode"}) {
    EXPECT_EQ(named(time(kind, Json::object())), "UNMET requirement") << kind;
  }
  EXPECT_EQ(text(time("kernel", {{"seconds", 0}, {"warmup_seconds", 0}})), "OK : ")
      << "a block is a block";
}

TEST_F(EncoderSession, ClassificationNeedsAClassifier) {
  for (const char* name : {"bert_model", "bert_mlm"}) {
    take(name);
    const std::string found = text(score("classification", labelled_));
    EXPECT_EQ(found.find("UNMET requirement: suite kind 'classification': output must be "
                         "classifier"),
              0U)
        << found;
    EXPECT_NE(found.find("fine-tune one first"), std::string::npos) << found;
  }
  EXPECT_EQ(text(time("classify_throughput", quick_)), "OK : ") << "hidden rows of the first token";
  take("bert_model");
  EXPECT_EQ(text(time("classify_throughput", quick_)), "OK : ") << "pooled rows";
  request_.model_folder = folder_ / "model";  // a decoder
  plan_model();
  EXPECT_EQ(named(score("classification", labelled_)), "UNMET requirement");
  EXPECT_EQ(named(time("classify_throughput", quick_)), "UNMET requirement");
}

TEST_F(EncoderSession, ClassesInAnotherOrderAreInvalid) {
  name_classes({{"0", "b"}, {"1", "a"}, {"2", "c"}});
  EXPECT_EQ(named(score("classification", labelled_)), "INVALID label_order");
}

TEST_F(EncoderSession, ATrainingSaysWhatItsDataLackAndRefusesClassesInAnotherOrder) {
  Json manifest = read_json_file(folder_ / "labelled/manifest.json");
  manifest["notes"] = {{{"code", "items_truncated"}, {"text", "2 of 6 items were cut"}}};
  std::ofstream(folder_ / "labelled/manifest.json") << manifest.dump();
  request_.op = "fit";
  request_.method = "finetune";
  request_.params = {{"max_steps", 1}, {"batch", 2}};
  request_.training = TrainingRequest{.data = folder_ / "labelled"};
  request_.artefact = folder_ / "a.safetensors";
  const WorkerReply fitted = run();
  EXPECT_EQ(text(fitted), "OK : ");
  EXPECT_EQ(remark_of(fitted, "data_training_items_truncated"),
            "training data: 2 of 6 items were cut");
  name_classes({{"0", "b"}, {"1", "a"}, {"2", "c"}});
  EXPECT_EQ(named(run()), "INVALID label_order");
}

TEST_F(EncoderSession, AnEncoderIsNotTrainedOnText) {
  request_.op = "fit";
  request_.method = "finetune";
  request_.training_text = TrainingTextRequest{folder_ / "text", 0, 8};
  request_.artefact = folder_ / "a.safetensors";
  const std::string found = text(run());
  EXPECT_EQ(found.find("UNMET requirement: causal must be true"), 0U) << found;
  EXPECT_NE(found.find("give training a data set of kind labelled"), std::string::npos) << found;
}

TEST_F(EncoderSession, ATrainingThatOverflowsIsNoNumberAndSaysWhere) {
  request_.op = "fit";
  request_.method = "finetune";
  request_.params = {{"learning_rate", 1e30}, {"batch", 2}, {"warmup", 0}, {"dropout", false}};
  request_.training = TrainingRequest{.data = folder_ / "labelled"};
  request_.artefact = folder_ / "a.safetensors";
  const std::string found = text(run());
  EXPECT_EQ(found.find("NAN training_"), 0U) << found;
  EXPECT_NE(found.find("training, step 2 of 9: "), std::string::npos) << found;
  EXPECT_NE(found.find("e+30 in layer."), std::string::npos) << found;
  EXPECT_FALSE(fs::exists(request_.artefact));
}
}  // namespace
}  // namespace assay
