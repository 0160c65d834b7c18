#include "harness/config/profile_file.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <optional>

#include "harness/base/errors.h"
#include "harness/base/numbers.h"

namespace assay {
namespace fs = std::filesystem;
namespace {

constexpr int kMostParents = 8;

constexpr std::int64_t kMostMemory = std::int64_t{1} << 50U;  // 1024 TiB
constexpr std::int64_t kMostCore = 65535;                     // of the worker's protocol
constexpr int kMostDevice = 127;

std::optional<std::int64_t> bytes_from(const std::string& text) {
  static const std::map<std::string_view, int> kShift = {
      {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
  const auto amount = amount_from(text);
  const auto shift = amount ? kShift.find(amount->unit) : kShift.end();
  if (shift == kShift.end() || amount->decimals > 0) return std::nullopt;
  const double bytes = std::ldexp(amount->number, shift->second);
  if (bytes < 1 || bytes > static_cast<double>(kMostMemory)) return std::nullopt;
  return static_cast<std::int64_t>(bytes);
}

/// cpu, cuda or cuda:N
bool is_device(std::string_view name) {
  if (name == "cpu" || name == "cuda") return true;
  if (!name.starts_with("cuda:")) return false;
  const auto index = number_from<int>(name.substr(5));
  return index && *index >= 0 && *index <= kMostDevice;
}

// What a profile is, not what it inherits.
bool of_its_own(std::string_view key) {
  return key == "id" || key == "summary" || key == "extends";
}

// Tables are merged key by key: a profile may raise one floor and keep the others.
void take_missing(toml::table& table, const toml::table& parent) {
  for (const auto& [key, value] : parent) {
    if (of_its_own(key.str())) continue;
    if (!table.contains(key)) {
      table.insert(key, value);
    } else if (toml::table* inner = table[key].as_table(); inner != nullptr && value.is_table()) {
      take_missing(*inner, *value.as_table());
    }
  }
}

// The name in `extends`, when there is one and it can be followed.
std::optional<fs::path> parent_of(const toml::table& table, const TomlDocument& document, int depth,
                                  Problems& problems) {
  const toml::node* node = table.get("extends");
  if (node == nullptr) return std::nullopt;
  const auto name = node->value<std::string>();
  fs::path path = fs::path(document.file).parent_path() / (name.value_or("") + ".toml");
  if (name && fs::exists(path) && depth < kMostParents) return path;
  const char* why = depth == kMostParents ? "profiles extend each other in a circle"
                                          : "no profile of that name in the same folder";
  problems.add(place_of(document.file, document.root.get("extends")->source()),
               fmt::format("extends = '{}': {}", name.value_or("?"), why));
  return std::nullopt;
}

// Adds what the file does not say itself. In place: a copied table forgets where its values stand.
void add_parents(TomlDocument& document, Problems& problems) {
  auto path = parent_of(document.root, document, 0, problems);
  for (int depth = 1; path; ++depth) {
    const TomlDocument parent(*path);
    take_missing(document.root, parent.root);
    path = parent_of(parent.root, document, depth, problems);
  }
}

void read_cores(TableReader& reader, ProfileEntry& entry) {
  entry.threads = static_cast<int>(reader.integer("threads", 0, 4096).value_or(0));
  for (const std::int64_t core :
       reader.integers("cores", 0, kMostCore).value_or(std::vector<std::int64_t>{})) {
    entry.cores.push_back(static_cast<int>(core));
  }
}

void read_memory_limit(TableReader& reader, ProfileEntry& entry) {
  const auto limit = reader.text("memory_limit");
  if (!limit) return;
  const auto bytes = bytes_from(*limit);
  if (!bytes) {
    reader.refuse("memory_limit", *reader.node().get("memory_limit"),
                  "a size such as \"8 GiB\", up to 1024 TiB");
  }
  entry.memory_limit_bytes = bytes.value_or(0);
}

void read_floors(TableReader& reader, ProfileEntry& entry) {
  auto floors = reader.table("floors", "[floors]");
  if (!floors) return;
  entry.floors.gemm_gflops = floors->positive_number("gemm_gflops").value_or(0);
  entry.floors.bandwidth_gb_s = floors->positive_number("bandwidth_gb_s").value_or(0);
  entry.floors.max_load = floors->positive_number("max_load").value_or(0);
  floors->finish();
}

}  // namespace

std::string name_of_file(TableReader& reader, std::string_view key, const TomlDocument& document) {
  std::string name = reader.required_text(key);
  const std::string stem = fs::path(document.file).stem().string();
  if (!name.empty() && name != stem) {
    reader.problem(reader.place(key),
                   fmt::format("{} = '{}', but the file is {}.toml; give both the same name", key,
                               name, stem));
  }
  return name;
}

void read_profile(TomlDocument document, Problems& problems, Catalogue& catalogue) {
  add_parents(document, problems);
  TableReader reader(document.root, document.file, fs::path(document.file).filename().string(),
                     problems);
  ProfileEntry entry;
  entry.id = name_of_file(reader, "id", document);
  if (entry.id == "imported") {
    reader.refuse("id", *document.root.get("id"), "another name: it marks results out of files");
  }
  entry.summary = reader.required_text("summary");
  reader.take("extends");
  entry.device = reader.text("device").value_or(entry.device);
  if (!is_device(entry.device)) {
    reader.refuse("device", *document.root.get("device"),
                  fmt::format("cpu, cuda or cuda:N with N from 0 to {}", kMostDevice));
  }
  entry.dtype = reader.word("dtype", {"fp32", "bf16"}).value_or(entry.dtype);
  entry.features = reader.texts("features").value_or(std::vector<std::string>{});
  read_cores(reader, entry);
  read_memory_limit(reader, entry);
  read_floors(reader, entry);
  reader.finish();
  entry.hash = sha256_of_toml(document.root);
  catalogue.profiles.push_back(std::move(entry));
}

}  // namespace assay
