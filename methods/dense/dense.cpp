// The model as it is: the twin that every other method is divided by.
#include "harness/method/method.h"

namespace assay {
namespace {

class Dense final : public Method {
 public:
  [[nodiscard]] MethodInfo info() const override {
    MethodInfo info;
    info.name = "dense";
    info.takes_experts = true;
    info.summary = "The model as it is, uncompressed";
    return info;
  }
  [[nodiscard]] Artefact fit(const Model&, FitContext&, const Params&) const override { return {}; }
  void apply(Model&, const Artefact&) const override {}
};

}  // namespace

void register_dense(MethodRegistry& registry) { registry.add(std::make_unique<Dense>()); }

}  // namespace assay
