#include "harness/method/ffn_widths.h"

#include <fmt/format.h>

namespace assay {

std::int64_t ffn_width_of(const ModelSpec& spec) {
  return spec.layers > 0 ? spec.layer(0).ffn_width : spec.shape.ffn_width;
}

std::string unlike_ffn_problem(const ModelSpec& spec) {
  const std::int64_t width = ffn_width_of(spec);
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const LayerShape& shape = spec.layer(i);
    if (shape.has_ffn && shape.ffn_width == width) continue;
    return fmt::format(
        "its sizes hold for feed-forward blocks that are all alike, and of this model layer 0 has "
        "{} neurons and layer {} {}; apply it before what cuts neurons, or to a model that nothing "
        "was cut from",
        width, i, shape.has_ffn ? std::to_string(shape.ffn_width) : "no such block");
  }
  return "";
}

}  // namespace assay
