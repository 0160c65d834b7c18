#pragma once
// Plug-ins in the worker: shared libraries with methods and suite kinds beside the built-in ones.

#include <map>
#include <string>
#include <vector>

#include "harness/base/json.h"
#include "harness/method/method.h"
#include "harness/suite/suite.h"

namespace assay {

/// A plug-in that the worker was told to load.
struct AskedPlugin {
  std::string file;
  std::string hash;  ///< SHA-256 that the parent planned with; "" where it does not know yet
};

/// Takes `--plugin HASH FILE` (HASH "-": not known) out of a program's arguments. Throws UserError
/// for one that is cut short.
std::vector<AskedPlugin> take_plugin_arguments(int& count, char** arguments);

/// Whose a method or suite kind is, where it is not built in.
struct PluginPart {
  std::string file, hash;  ///< of the plug-in
  /// Decides what it computes: over the plug-in's file, and the sources of the harness that it may
  /// use.
  std::string source_hash;
  Json conformance;  ///< of a method: what conformance.json says; null where there was none
};

struct LoadedPlugins {
  std::map<std::string, PluginPart> methods, suite_kinds;  ///< by name
};

/// Checks all of them before the first is loaded, then registers what they have. Throws UserError
/// for what is no plug-in, was built for another worker, changed since it was planned, cannot be
/// loaded, or names what there is already. They stay loaded.
LoadedPlugins load_plugins(const std::vector<AskedPlugin>& asked, MethodRegistry& methods,
                           SuiteRegistry& suites);

}  // namespace assay
