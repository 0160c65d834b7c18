#pragma once
// What a worker says of an export, as events of level "info". kExportParams comes once for each
// artefact, in their order.

namespace assay {

inline constexpr const char* kExportParams = "export_params";  ///< JSON: as an artefact has them
inline constexpr const char* kExportDtype = "export_dtype";    ///< of the weights: "float32"
inline constexpr const char* kExportBytes = "export_bytes";    ///< of all weights
inline constexpr const char* kExportConfig = "export_config";  ///< "num_hidden_layers: 12 -> 10"
inline constexpr const char* kExportRemark = "export_remark";  ///< what the weights took

}  // namespace assay
