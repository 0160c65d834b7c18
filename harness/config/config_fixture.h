#pragma once
// A small share folder and a made-up worker description, for tests of config and plan.

#include <filesystem>
#include <fstream>
#include <string>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/config/catalogue.h"
#include "harness/config/experiment.h"

namespace assay {

inline ParamSpec make_param(const std::string& name, ParamType type, const Json& value,
                            std::optional<double> min = {}, std::optional<double> max = {}) {
  ParamSpec spec;
  spec.name = name;
  spec.type = type;
  spec.default_value = value;
  spec.help = "help of " + name;
  spec.min = min;
  spec.max = max;
  return spec;
}

inline Json params_json(std::vector<ParamSpec> specs) {
  Json list = Json::array();
  for (const ParamSpec& spec : specs) list.push_back(to_json(spec));
  return list;
}

inline ParamSpec token_count(const std::string& name, int value) {
  ParamSpec spec = make_param(name, ParamType::kInt, value, 1);
  spec.unit = "tokens";
  return spec;
}

inline Json method_json(const std::string& name, const Json& params, bool calibration,
                        const Json& requirements = Json::array(),
                        const Json& calibration_unless = Json::array()) {
  return {{"name", name},
          {"summary", name},
          {"citation", ""},
          {"artefact_version", 1},
          {"source_hash", "source-of-" + name},
          {"params", params},
          {"requires", requirements},
          {"needs", {{"calibration", calibration}, {"calibration_unless", calibration_unless}}}};
}

/// Traces of the data, which may be items, a predictor for a criterion, a selection for a density.
inline Json staged_method_json() {
  Json method = method_json("staged",
                            params_json({make_param("criterion", ParamType::kText, "norm"),
                                         make_param("density", ParamType::kReal, 0.5, 0, 1)}),
                            true);
  const auto stage = [](const char* name, const Json& params, const Json& inputs, bool data) {
    return Json{{"name", name},
                {"params", params},
                {"inputs", inputs},
                {"calibration", data},
                {"training", false}};
  };
  method["needs"]["calibration_items"] = true;
  method["stages"] = {stage("traces", Json::array(), Json::array(), true),
                      stage("predictor", {"criterion"}, {"traces"}, false),
                      stage("selection", {"density"}, {"predictor"}, false)};
  return method;
}

/// Looks at the clock first where it goes by time.
inline Json clocked_method_json() {
  Json method =
      method_json("clocked", params_json({make_param("by", ParamType::kText, "size")}), false);
  const Json by_time = {{{"by", "time"}}};
  method["stages"] = {{{"name", "times"},
                       {"params", {"by"}},
                       {"inputs", Json::array()},
                       {"calibration", false},
                       {"training", false},
                       {"when", by_time},
                       {"timed_when", by_time}},
                      {{"name", "choice"},
                       {"params", {"by"}},
                       {"inputs", {"times"}},
                       {"calibration", false},
                       {"training", false}}};
  return method;
}

/// Its calibration text may not be of what scores it, and a parameter has another name than before.
inline Json apart_method_json() {
  ParamSpec blocks = make_param("blocks", ParamType::kText, "all");
  blocks.former_names = {"parts"};
  Json method = method_json(
      "apart", params_json({make_param("allow_suite_data", ParamType::kBool, false), blocks}),
      true);
  method["needs"]["calibration_apart"] = true;
  return method;
}

/// Trains on labelled items, which changes its output, or on text, unless the model is a BERT.
inline Json trained_method_json() {
  Json method = method_json("tuned", Json::array(), false);
  const Json no_bert = {{"trait", "family"}, {"op", "!="}, {"value", "bert"}};
  const Json labelled = {
      {"data", "labelled"}, {"requires", Json::array()}, {"changes", Json::array({"output"})}};
  const Json text = {
      {"data", "text"}, {"requires", Json::array({no_bert})}, {"changes", Json::array()}};
  method["needs"]["training"] = Json::array({labelled, text});
  return method;
}

inline Json kind_json(const std::string& name, const std::string& stage, const std::string& format,
                      const Json& params) {
  return {{"name", name},
          {"summary", name},
          {"stage", stage},
          {"data_format", format},
          {"needs_trained_weights", stage == "score"},
          {"params", params},
          {"metrics", Json::array()}};
}

inline Json worker_description() {
  ParamSpec sparsity = make_param("sparsity", ParamType::kReal, 0.5, 0, 1);
  sparsity.max_open = true;
  const ParamSpec pattern = make_param("pattern", ParamType::kPattern, "unstructured");
  const ParamSpec layers = make_param("layers", ParamType::kIntList, Json::array(), 0);
  const Json ungated = Json::array({{{"trait", "ffn.gated"}, {"op", "=="}, {"value", false}}});
  Json methods = Json::array();
  methods.push_back(method_json("dense", Json::array(), false));
  methods.push_back(method_json("magnitude", params_json({sparsity, layers}), false));
  methods.push_back(method_json("tardis", Json::array(), false, ungated));
  // This Wanda has a setting that looks at no data, as other methods do.
  methods.push_back(method_json("wanda", params_json({sparsity, pattern}), true, Json::array(),
                                Json::array({{{"pattern", "1:2"}}})));
  methods.push_back(staged_method_json());
  methods.push_back(clocked_method_json());
  methods.push_back(trained_method_json());
  methods.push_back(apart_method_json());
  Json kinds = Json::array();
  kinds.push_back(kind_json(
      "token_ppl", "score", "stream",
      params_json({token_count("window", 2048), make_param("limit", ParamType::kInt, 0, 0)})));
  kinds.push_back(kind_json("multiple_choice", "score", "items",
                            params_json({make_param("limit", ParamType::kInt, 0, 0)})));
  kinds.push_back(kind_json(
      "classification", "score", "labelled",
      params_json({token_count("max_tokens", 128), make_param("limit", ParamType::kInt, 0, 0)})));
  kinds.push_back(
      kind_json("decode", "time", "",
                params_json({make_param("batch", ParamType::kInt, 1, 1),
                             token_count("prompt_tokens", 32), token_count("new_tokens", 16)})));
  return {{"version", 1},
          {"methods", methods},
          {"suite_kinds", kinds},
          {"families", Json::array({{{"name", "llama"}}})}};
}

/// A temporary folder laid out like the project's share folder.
class Share {
 public:
  Share() : path_(std::filesystem::temp_directory_path() / ("assay-config-" + new_uuid())) {
    for (const char* folder : {"datasets/suites", "models", "hardware_profiles"}) {
      std::filesystem::create_directories(path_ / folder);
    }
    write("datasets/news.toml",
          "name = \"news\"\nsummary = \"news\"\nlicence = \"free\"\nsource = \"here\"\n"
          "kind = \"text\"\njoin = \"lines\"\nsampling = \"stream\"\n"
          "[splits.calibration]\nfiles = [\"n.txt\"]\n[splits.evaluation]\nfiles = [\"n.txt\"]\n");
    write("datasets/piqa.toml",
          "name = \"piqa\"\nsummary = \"piqa\"\nlicence = \"free\"\nsource = \"here\"\n"
          "kind = \"items\"\n[splits.validation]\nfiles = [\"p.jsonl\"]\n"
          "[splits.train]\nfiles = [\"t.jsonl\"]\n");
    write("datasets/suites/news-ppl.toml",
          "id = \"news-ppl\"\nkind = \"token_ppl\"\ndataset = \"news\"\nsplit = \"evaluation\"\n"
          "summary = \"perplexity\"\n[params]\nwindow = 128\n");
    write("datasets/suites/piqa.toml",
          "id = \"piqa\"\nkind = \"multiple_choice\"\ndataset = \"piqa\"\nsplit = \"validation\"\n"
          "task = \"piqa\"\nsummary = \"physics\"\n");
    write("datasets/suites/decode.toml",
          "id = \"decode\"\nkind = \"decode\"\nsummary = \"time of tokens\"\n");
    write("hardware_profiles/cpu.toml", "id = \"cpu\"\nsummary = \"all cores\"\n");
  }
  ~Share() { std::filesystem::remove_all(path_); }
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }
  [[nodiscard]] Catalogue catalogue() const { return read_catalogue(path_, worker_description()); }
  /// Reads an experiment from text, in a file named x.toml.
  [[nodiscard]] Experiment experiment(const std::string& text) const {
    return read_experiment(write("x.toml", text), catalogue());
  }
  /// What is wrong with an experiment, without the folder; "" when nothing is.
  [[nodiscard]] std::string experiment_problems(const std::string& text) const {
    return problems([&] { (void)experiment(text); });
  }
  [[nodiscard]] std::string catalogue_problems() const {
    return problems([&] { (void)catalogue(); });
  }

 private:
  template <typename Work>
  [[nodiscard]] std::string problems(Work work) const {
    try {
      work();
      return "";
    } catch (const UserError& error) {
      std::string text = error.what();
      const std::string folder = path_.string() + "/";
      for (std::size_t at = text.find(folder); at != std::string::npos; at = text.find(folder)) {
        text.erase(at, folder.size());
      }
      return text;
    }
  }

  std::filesystem::path path_;
};

/// A labelled data set and a suite over it, for tests that write them into a Share.
inline const char* const kFilms =
    "name = \"films\"\nsummary = \"films\"\nlicence = \"free\"\nsource = \"here\"\n"
    "kind = \"labelled\"\ntext = [\"sentence\"]\nlabel = \"label\"\n"
    "labels = { bad = 0, good = 1 }\n[splits.dev]\nfiles = [\"f.tsv\"]\n";
inline const char* const kFilmSuite =
    "id = \"films\"\nkind = \"classification\"\ndataset = \"films\"\nsplit = \"dev\"\n"
    "summary = \"films\"\n[params]\nmax_tokens = 64\n";

/// A valid experiment; tests append blocks.
inline const char* const kSmallExperiment =
    "[experiment]\n"        // 1
    "name = \"small\"\n"    // 2
    "\n"                    // 3
    "[[model]]\n"           // 4
    "id = \"tiny\"\n"       // 5
    "\n"                    // 6
    "[[method]]\n"          // 7
    "id = \"dense\"\n"      // 8
    "\n"                    // 9
    "[[suite]]\n"           // 10
    "id = \"news-ppl\"\n";  // 11

}  // namespace assay
