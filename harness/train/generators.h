#pragma once
// LibTorch's global generators, which dropout draws from, while something trains.

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace assay {

/// Seeds the generators of the CPU and of one more device; gives them back as they were when it
/// goes, so that a training leaves no trace in what others draw.
class SeededGenerators {
 public:
  SeededGenerators(std::uint64_t seed, at::Device device);
  ~SeededGenerators();
  SeededGenerators(const SeededGenerators&) = delete;
  SeededGenerators& operator=(const SeededGenerators&) = delete;
  /// Where they stand: uint8 tensors, one a generator.
  [[nodiscard]] std::vector<at::Tensor> states() const;
  /// Goes on from there. Throws std::logic_error for those of another number of generators.
  void set_states(const std::vector<at::Tensor>& states);

 private:
  std::vector<at::Generator> generators_;
  std::vector<at::Tensor> before_;
};

/// A seed out of LibTorch's global generator of the CPU, whose state a checkpoint keeps: what a
/// step draws for itself is drawn again by a training that goes on.
std::uint64_t next_seed();

}  // namespace assay
