#include "harness/worker/plugins.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <string_view>
#include <utility>

#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/method/plugin.h"
#include "harness/worker/plugin_file.h"

namespace assay {

extern const char* const source_hash_exported;

namespace {

using RegisterPlugin = void (*)(MethodRegistry&, SuiteRegistry&);

std::string last_loader_error() {
  const char* text = ::dlerror();
  return text == nullptr ? "for no reason that the loader gives" : text;
}

PluginFile checked_file(const AskedPlugin& plugin) {
  PluginFile file = read_plugin_file(plugin.file);
  require_fitting_plugin(file.descriptor, plugin.file);
  if (!plugin.hash.empty() && plugin.hash != file.hash) {
    throw UserError(plugin.file +
                    ": another plug-in than the one that was planned with: it was built again "
                    "meanwhile; run the command again");
  }
  return file;
}

RegisterPlugin load(const std::string& file) {
  void* library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw UserError(fmt::format(
        "{}: the plug-in cannot be loaded: {}; link it with what it uses beyond assay and LibTorch",
        file, last_loader_error()));
  }
  void* entry = ::dlsym(library, ASSAY_PLUGIN_ENTRY);
  if (entry == nullptr) {
    throw UserError(
        fmt::format("{}: the plug-in lacks the function {}; build it with "
                    "assay_add_method()",
                    file, ASSAY_PLUGIN_ENTRY));
  }
  return reinterpret_cast<RegisterPlugin>(entry);
}

void call(RegisterPlugin entry, const std::string& file, MethodRegistry& methods,
          SuiteRegistry& suites) {
  try {
    entry(methods, suites);
  } catch (const std::exception& error) {
    throw UserError(fmt::format("{}: the plug-in cannot be registered: {}", file, error.what()));
  }
}

template <typename Registry>
std::vector<std::string> names_of(const Registry& registry) {
  std::vector<std::string> names;
  for (const auto* one : registry.all()) names.push_back(one->info().name);
  return names;
}

void require_new(const std::string& what, const std::vector<std::string>& there,
                 const std::vector<std::string>& added, const std::string& file) {
  for (const std::string& name : added) {
    if (std::find(there.begin(), there.end(), name) == there.end()) continue;
    throw UserError(
        fmt::format("{}: there is a {} '{}' already, built in or of another plug-in; give the "
                    "plug-in's another name",
                    file, what, name));
  }
}

/// What they compute depends on the harness's code, too.
std::string hash_of_parts(const PluginFile& file) {
  return json_hash({{"plugin", file.hash}, {"harness", source_hash_exported}});
}

void register_one(const AskedPlugin& plugin, const PluginFile& file, MethodRegistry& methods,
                  SuiteRegistry& suites, LoadedPlugins& loaded) {
  const RegisterPlugin entry = load(plugin.file);
  MethodRegistry own_methods;
  SuiteRegistry own_suites;
  call(entry, plugin.file, own_methods, own_suites);
  const auto new_methods = names_of(own_methods), new_kinds = names_of(own_suites);
  require_new("method", names_of(methods), new_methods, plugin.file);
  require_new("suite kind", names_of(suites), new_kinds, plugin.file);
  call(entry, plugin.file, methods, suites);
  const Json cases = file.descriptor.value("conformance", Json::object());
  for (const std::string& name : new_methods) {
    loaded.methods[name] = {plugin.file, file.hash, hash_of_parts(file), cases.value(name, Json())};
  }
  for (const std::string& name : new_kinds) {
    loaded.suite_kinds[name] = {plugin.file, file.hash, hash_of_parts(file), nullptr};
  }
}

}  // namespace

std::vector<AskedPlugin> take_plugin_arguments(int& count, char** arguments) {
  std::vector<AskedPlugin> asked;
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    if (std::string_view(arguments[i]) != "--plugin") {
      arguments[kept++] = arguments[i];
      continue;
    }
    if (i + 2 >= count) throw UserError("--plugin needs a hash (- for none) and a file");
    const std::string hash = arguments[i + 1];
    asked.push_back({.file = arguments[i + 2], .hash = hash == "-" ? "" : hash});
    i += 2;
  }
  count = kept;
  return asked;
}

LoadedPlugins load_plugins(const std::vector<AskedPlugin>& asked, MethodRegistry& methods,
                           SuiteRegistry& suites) {
  std::vector<PluginFile> files;
  for (const AskedPlugin& plugin : asked) files.push_back(checked_file(plugin));
  LoadedPlugins loaded;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    register_one(asked[i], files[i], methods, suites, loaded);
  }
  return loaded;
}

}  // namespace assay
