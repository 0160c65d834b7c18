#include "harness/train/generators.h"

#include <ATen/Context.h>
#include <ATen/ops/randint.h>

#include <mutex>
#include <stdexcept>

namespace assay {

SeededGenerators::SeededGenerators(std::uint64_t seed, at::Device device) {
  generators_.push_back(at::globalContext().defaultGenerator(at::kCPU));
  if (!device.is_cpu()) generators_.push_back(at::globalContext().defaultGenerator(device));
  before_ = states();
  for (at::Generator& generator : generators_) {
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  }
}

SeededGenerators::~SeededGenerators() { set_states(before_); }

std::vector<at::Tensor> SeededGenerators::states() const {
  std::vector<at::Tensor> all;
  for (at::Generator generator : generators_) {  // a handle; its lock is not const
    const std::lock_guard<std::mutex> lock(generator.mutex());
    all.push_back(generator.get_state());
  }
  return all;
}

void SeededGenerators::set_states(const std::vector<at::Tensor>& states) {
  if (states.size() != generators_.size()) throw std::logic_error("states of other generators");
  for (std::size_t i = 0; i < states.size(); ++i) {
    const std::lock_guard<std::mutex> lock(generators_[i].mutex());
    generators_[i].set_state(states[i]);
  }
}

std::uint64_t next_seed() {
  constexpr std::int64_t kSeeds = std::int64_t{1} << 62;
  return static_cast<std::uint64_t>(
      at::randint(kSeeds, {1}, at::TensorOptions(at::kLong)).item<std::int64_t>());
}

}  // namespace assay
