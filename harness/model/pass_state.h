#pragma once
// What the blocks of one method share while a pass runs.

#include <map>
#include <memory>
#include <typeindex>
#include <utility>

namespace assay {

/// Typed slots, each made when it is first asked for. A slot belongs to its owner, mostly an object
/// that the blocks of one artefact hold together, so that two methods in one model do not meet.
/// One such state lives for a pass, another as long as a sequence's cache; none is global.
class PassState {
 public:
  template <typename T>
  [[nodiscard]] T& of(const void* owner) {
    std::shared_ptr<void>& slot = slots_[{owner, typeid(T)}];
    if (!slot) slot = std::make_shared<T>();
    return *static_cast<T*>(slot.get());
  }
  /// Null when nobody asked for it yet.
  template <typename T>
  [[nodiscard]] T* find(const void* owner) {
    const auto found = slots_.find({owner, typeid(T)});
    return found == slots_.end() ? nullptr : static_cast<T*>(found->second.get());
  }
  void clear() { slots_.clear(); }

 private:
  std::map<std::pair<const void*, std::type_index>, std::shared_ptr<void>> slots_;
};

}  // namespace assay
