#include "harness/train/train_hooks.h"

#include "harness/method/method.h"

namespace assay {

TrainHooks hooks_of(FitContext& context, const std::string& name) {
  TrainHooks hooks;
  hooks.progress = [&context, name](std::int64_t done, std::int64_t total) {
    context.progress(done, total, name);
  };
  hooks.warn = [&context](const std::string& code, const std::string& text) {
    context.warn(code, text);
  };
  hooks.checkpoints = context.checkpoints();
  hooks.checkpoint_seconds = context.checkpoint_seconds();
  hooks.name = name;
  return hooks;
}

}  // namespace assay
