#pragma once
// What a plug-in, a shared library of methods and suite kinds, says of itself: a line of JSON in an
// ELF section of its own, which the worker reads and compares with itself before it loads the
// library. assay_add_plugin() (cmake/AssayPlugin.cmake) writes the source that uses this; what is
// promised to whom is in docs/plugins.md.

#include <torch/headeronly/version.h>

#include "harness/method/plugin_build.h"

/// Raised when descriptor or entry point change. Everything between is compared by the headers'
/// hash.
#define ASSAY_PLUGIN_ABI 1
#define ASSAY_PLUGIN_SECTION "assay_plugin"
#define ASSAY_PLUGIN_ENTRY "assay_register_plugin"

#define ASSAY_PLUGIN_TEXT_OF(value) #value
#define ASSAY_PLUGIN_TEXT(value) ASSAY_PLUGIN_TEXT_OF(value)
#ifdef NDEBUG
#define ASSAY_PLUGIN_BUILD_TYPE "optimised"
#else
#define ASSAY_PLUGIN_BUILD_TYPE "debug"
#endif
#ifdef __SANITIZE_ADDRESS__
#define ASSAY_PLUGIN_SANITIZER "address"
#else
#define ASSAY_PLUGIN_SANITIZER "none"
#endif
#ifdef __clang__
#define ASSAY_PLUGIN_COMPILER "clang " ASSAY_PLUGIN_TEXT(__clang_major__)
#else
#define ASSAY_PLUGIN_COMPILER "g++ " ASSAY_PLUGIN_TEXT(__GNUC__)
#endif
#define ASSAY_PLUGIN_EXPORT __attribute__((visibility("default")))

/// Members of a JSON object: what must be equal in the worker and in a plug-in.
#define ASSAY_PLUGIN_BUILT_WITH \
  "\"abi\":" ASSAY_PLUGIN_TEXT(ASSAY_PLUGIN_ABI) ",\"assay\":\"" ASSAY_PLUGIN_VERSION      \
      "\",\"headers\":\"" ASSAY_PLUGIN_HEADERS "\",\"libtorch\":\"" ASSAY_PLUGIN_TEXT(     \
          TORCH_VERSION_MAJOR) "." ASSAY_PLUGIN_TEXT(TORCH_VERSION_MINOR) "."              \
      ASSAY_PLUGIN_TEXT(TORCH_VERSION_PATCH) "\",\"compiler\":\"" ASSAY_PLUGIN_COMPILER    \
      "\",\"build\":\"" ASSAY_PLUGIN_BUILD_TYPE "\",\"sanitizer\":\"" ASSAY_PLUGIN_SANITIZER "\""

/// `conformance`: a JSON object, method -> what conformance.json says.
#define ASSAY_PLUGIN_DESCRIPTOR(name, conformance)                                            \
  extern "C" ASSAY_PLUGIN_EXPORT const char assay_plugin_descriptor[];                        \
  __attribute__((used, section(ASSAY_PLUGIN_SECTION))) const char assay_plugin_descriptor[] = \
      "{\"name\":\"" name "\"," ASSAY_PLUGIN_BUILT_WITH ",\"conformance\":" conformance "}"

namespace assay {
class MethodRegistry;
class SuiteRegistry;
}  // namespace assay
