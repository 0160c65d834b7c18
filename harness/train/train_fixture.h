#pragma once
// Test support: small trainings.

#include <ATen/core/Tensor.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/clock.h"
#include "harness/data/labelled_items.h"
#include "harness/model/encoder_golden.h"
#include "harness/model/golden_cases.h"
#include "harness/train/losses.h"
#include "harness/train/trainer.h"

namespace assay {

inline std::filesystem::path train_golden_folder() {
  return source_dir() / "tests" / "data" / "train";
}

class ScratchFolder {
 public:
  ScratchFolder() { std::filesystem::create_directories(path_); }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("assay-train-" + new_uuid());
};

template <typename Value>
std::vector<Value> values_of(const at::Tensor& integers) {
  const at::Tensor wide = integers.to(at::kLong).contiguous();
  const auto* data = wide.const_data_ptr<std::int64_t>();
  std::vector<Value> values;
  for (std::int64_t i = 0; i < wide.numel(); ++i) values.push_back(static_cast<Value>(data[i]));
  return values;
}

/// The items of scripts/golden/trainer_goldens.py.
inline LabelledItems golden_items(const GoldenTensors& golden) {
  LabelledItems items;
  items.tokens = values_of<std::int32_t>(golden.at("tokens"));
  items.token_types = values_of<std::uint8_t>(golden.at("token_types"));
  items.offsets = values_of<std::int64_t>(golden.at("offsets"));
  items.labels = values_of<std::int32_t>(golden.at("labels"));
  items.label_names = {"a", "b", "c"};
  items.hashes.assign(items.labels.size(), "0123456789abcdef");
  items.text_hashes = items.hashes;
  items.lines.assign(items.labels.size(), 1);
  return items;
}

/// A net of one hidden layer on 24 points, always with the same beginning.
struct SmallNet {
  SmallNet() {
    const at::Tensor ramp = at::tensor({0.1F, -0.3F, 0.5F, 0.7F, -0.2F, 0.4F, -0.6F, 0.8F});
    tensors.push_back({"first", ramp.view({4, 2}).clone().requires_grad_(), 0.01});
    tensors.push_back({"bias", ramp.narrow(0, 0, 4).clone().requires_grad_(), 0});
    tensors.push_back({"last", ramp.view({2, 4}).clone().requires_grad_(), 0.01, 2});
    std::vector<float> numbers;
    for (int i = 0; i < 24 * 2; ++i) numbers.push_back(static_cast<float>((i * 37) % 19) / 9 - 1);
    points = at::tensor(numbers).view({24, 2}).clone();
    labels = points.select(1, 0).gt(points.select(1, 1)).to(at::kLong);
  }
  [[nodiscard]] at::Tensor scores(const at::Tensor& rows) const {
    const at::Tensor hidden = at::tanh(rows.matmul(tensors[0].tensor.t()).add(tensors[1].tensor));
    return hidden.matmul(tensors[2].tensor.t());
  }
  [[nodiscard]] at::Tensor loss(std::span<const std::int64_t> items) const {
    const at::Tensor which =
        at::tensor(std::vector<std::int64_t>(items.begin(), items.end()), at::kLong);
    return cross_entropy(scores(points.index_select(0, which)), labels.index_select(0, which));
  }
  [[nodiscard]] TrainTask task() const {
    TrainTask task;
    task.tensors = tensors;
    task.items = 24;
    task.loss = [this](std::span<const std::int64_t> items) { return loss(items); };
    return task;
  }

  std::vector<TrainedTensor> tensors;
  at::Tensor points, labels;
};

inline TrainSettings short_settings() {
  TrainSettings settings;
  settings.epochs = 4;
  settings.batch = 5;  // four of 5 and one of 4 an epoch
  settings.learning_rate = 0.05;
  settings.seed = 3;
  return settings;
}

inline bool equal_tensors(const std::vector<TrainedTensor>& a,
                          const std::vector<TrainedTensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i].tensor, b.at(i).tensor)) return false;
  }
  return a.size() == b.size();
}

}  // namespace assay
