// Libraries that look like plug-ins of this assay as far as one looks, which a definition says.
#include <cstdlib>

#include "harness/method/plugin.h"

#ifdef OTHER_TORCH
// As an older LibTorch would have it. Whatever of it runs ends the worker.
extern "C" ASSAY_PLUGIN_EXPORT const char assay_plugin_descriptor[];
__attribute__((used, section(ASSAY_PLUGIN_SECTION))) const char assay_plugin_descriptor[] =
    "{\"name\":\"old\",\"abi\":1,\"assay\":\"" ASSAY_PLUGIN_VERSION
    "\",\"headers\":\"" ASSAY_PLUGIN_HEADERS
    "\",\"libtorch\":\"2.4.1\",\"compiler\":\"" ASSAY_PLUGIN_COMPILER
    "\",\"build\":\"" ASSAY_PLUGIN_BUILD_TYPE "\",\"sanitizer\":\"" ASSAY_PLUGIN_SANITIZER
    "\",\"conformance\":{}}";

__attribute__((constructor)) static void run_too_early() { std::abort(); }
#else
ASSAY_PLUGIN_DESCRIPTOR("misfit", "{}");
#endif

#ifdef NO_SYMBOL
extern "C" void nobody_defines_this();
extern "C" ASSAY_PLUGIN_EXPORT void assay_register_plugin(assay::MethodRegistry&,
                                                          assay::SuiteRegistry&) {
  nobody_defines_this();
}
#endif
