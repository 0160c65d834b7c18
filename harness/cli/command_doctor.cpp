#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/base/output.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/help.h"
#include "harness/config/profile.h"
#include "harness/measure/machine.h"
#include "harness/runner/machine_check.h"
#include "harness/runner/process_launcher.h"
#include "harness/runner/progress.h"
#include "harness/runner/requests.h"
#include "harness/runner/self_comparison.h"
#include "harness/runner/stop.h"
#include "harness/store/store.h"

namespace assay {
namespace {

struct DoctorArguments {
  std::string profile = "cpu", database;
  std::size_t comparisons = 1;
  std::vector<std::string> work = {"gemv", "gemm"};
  bool json = false;
};

/// Of every dtype that profiles may name.
constexpr std::array<const char*, 2> kDtypes = {"fp32", "bf16"};

/// All that one examination found.
struct Examination {
  MachineSpeed speed;                            ///< in the profile's dtype
  std::map<std::string, MachineSpeed> by_dtype;  ///< with the profile's threads
  std::optional<double> load;
  std::vector<std::string> unfit;
  std::vector<SelfComparison> comparisons;
};

Examination examine(const ProfileEntry& profile, const DoctorArguments& arguments,
                    WorkerLauncher& launcher, Progress& progress) {
  Examination found;
  const auto hold = launcher.hold(machine_use(profile, true), [&](const std::string& what) {
    progress.step("waiting for other work on this machine: " + what);
  });
  if (!hold->problem.empty()) progress.step("machine_unlocked: " + hold->problem);
  found.load = load_average();
  progress.live("measuring products and memory");
  for (const char* dtype : kDtypes) {
    ProfileEntry other = profile;
    other.dtype = dtype;
    found.by_dtype[dtype] = measure_machine_speed(other, launcher);
  }
  found.speed = found.by_dtype.at(profile.dtype);
  found.unfit = unfit_reasons(profile, found.speed, found.load);
  for (const std::string& work : arguments.work) {
    if (arguments.comparisons == 0) break;
    SelfComparisonPlan plan;
    plan.comparisons = arguments.comparisons;
    const std::size_t total = plan.comparisons * plan.processes_per_arm * 2;
    std::size_t done = 0;
    const auto runs = run_identical_arms(plan, [&] {
      progress.live(fmt::format("{} against itself, process {} of {}", work, ++done, total));
      return one_process(profile, work, launcher);
    });
    found.comparisons.push_back(judge_identical_arms(work, runs));
  }
  return found;
}

Json by_dtype_json(const Examination& found) {
  Json document = Json::object();
  for (const auto& [dtype, speed] : found.by_dtype) {
    document[dtype] = {{"gemm_flops", speed.gemm_flops},
                       {"bandwidth_bytes_per_s", speed.bandwidth}};
  }
  return document;
}

Json document_of(const ProfileEntry& profile, const Examination& found) {
  Json comparisons = Json::array();
  for (const SelfComparison& comparison : found.comparisons) {
    comparisons.push_back(to_json(comparison));
  }
  return {{"profile", profile.id},
          {"profile_on_this_machine", profile.fingerprint()},
          {"gemm_flops", found.speed.gemm_flops},
          {"bandwidth_bytes_per_s", found.speed.bandwidth},
          {"by_dtype", by_dtype_json(found)},
          {"timer_step_s", found.speed.timer_seconds},
          {"load_average", found.load ? Json(*found.load) : Json()},
          {"unfit", found.unfit},
          {"against_itself", comparisons},
          {"environment", found.speed.environment}};
}

using Rows = std::vector<std::pair<std::string, std::string>>;

std::string shown_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  std::string text;
  if (value.is_array()) {
    for (const Json& item : value) text += (text.empty() ? "" : " ") + shown_text(item);
    return text;
  }
  if (!value.is_object()) return value.dump();
  for (const auto& [key, item] : value.items()) {
    text += (text.empty() ? "" : ", ") + key + " " + shown_text(item);
  }
  return text;
}

/// Sections of the environment document, one line each.
Rows environment_rows(const Json& environment) {
  Rows rows;
  for (const auto& [section, content] : environment.items()) {
    if (!content.is_object()) {
      rows.emplace_back(section, shown_text(content));
      continue;
    }
    for (const auto& [key, value] : content.items()) {
      const std::string text = shown_text(value);
      if (!text.empty()) rows.emplace_back(section + " " + key, text);
    }
  }
  return rows;
}

std::string floor_text(double floor, const char* unit) {
  return floor > 0 ? fmt::format(" (the profile asks for {:g} {})", floor, unit) : "";
}

Rows speed_rows(const ProfileEntry& profile, const Examination& found) {
  Rows rows = {{"product of 1024^3, " + profile.dtype,
                fmt::format("{:.1f} GFLOP/s{}", found.speed.gemm_flops / 1e9,
                            floor_text(profile.floors.gemm_gflops, "GFLOP/s"))},
               {"reading memory", fmt::format("{:.1f} GB/s{}", found.speed.bandwidth / 1e9,
                                              floor_text(profile.floors.bandwidth_gb_s, "GB/s"))}};
  for (const auto& [dtype, speed] : found.by_dtype) {
    if (dtype == profile.dtype) continue;
    rows.emplace_back(
        "the same in " + dtype,
        fmt::format("{:.1f} GFLOP/s, {:.1f} GB/s", speed.gemm_flops / 1e9, speed.bandwidth / 1e9));
  }
  rows.emplace_back("step of the clock", fmt::format("{:.0f} ns", found.speed.timer_seconds * 1e9));
  rows.emplace_back("load average, 1 minute",
                    found.load ? fmt::format("{:.1f}", *found.load) : "not told");
  return rows;
}

void print_comparison(const SelfComparison& c) {
  print_out(fmt::format(
      "\n{} against itself, {} x {} processes an arm, A B B A\n"
      "  false alarms at p < 0.05: {} of {} (rate at most {:.1f} %, 95 % "
      "one-sided)\n"
      "  spread between processes: {:.1f} %; noise floor (90 % of ratios): "
      "{:.1f} %\n"
      "  smallest slowdown found with 80 % power at p < 0.01: {:.1f} %\n",
      c.work, c.comparisons, c.processes_per_arm, c.false_alarms, c.comparisons,
      100 * c.alarm_bound, 100 * c.between_processes, 100 * c.noise_floor, 100 * c.detectable));
}

void print_text(const ProfileEntry& profile, const Examination& found) {
  print_out(fmt::format("Profile {}: {}\n\n", profile.id, profile.summary));
  print_out(fmt::format("{}\n", two_columns(environment_rows(found.speed.environment))));
  print_out(two_columns(speed_rows(profile, found)));
  for (const SelfComparison& comparison : found.comparisons) print_comparison(comparison);
  if (found.unfit.empty()) {
    print_out("\nFit for timing.\n");
    return;
  }
  print_out("\nNot fit for timing:\n");
  for (const std::string& reason : found.unfit) print_out(fmt::format("  * {}\n", reason));
}

void run_doctor(const DoctorArguments& arguments, CommandResult& result) {
  const StopHandlers handlers;
  StderrProgress progress;
  const Catalogue catalogue = load_catalogue();
  const ProfileEntry& profile = catalogue.profile(arguments.profile);
  check_profile_fits(profile);
  std::optional<Store> store;  // a place that cannot be used is found before anything is measured
  if (!arguments.database.empty()) store.emplace(Store::open(arguments.database));
  ProcessLauncher launcher(handlers.stop(), handlers.kill());
  const Examination found = examine(profile, arguments, launcher, progress);
  const Json document = document_of(profile, found);
  if (store) store->add_machine_check(profile.id, document);
  if (arguments.json) {
    print_json(document);
  } else {
    print_text(profile, found);
  }
  if (!found.unfit.empty()) result.code = ExitCode::kNotMeasured;
}

}  // namespace

void add_doctor_command(CLI::App& program, CommandResult& result) {
  CLI::App* command =
      add_command(program, "doctor",
                  "Examine this machine: what it is, how fast it computes and reads, how "
                  "noisy its times are",
                  "assay doctor --profile cpu --comparisons 20 --db results.db\n\n"
                  "Exit code: 0 fit for timing; 2 bad input; 3 unfit, or the device is "
                  "missing.");
  const auto arguments = std::make_shared<DoctorArguments>();
  command->add_option("--profile", arguments->profile, "A name of `assay list profiles`")
      ->capture_default_str();
  command
      ->add_option("--comparisons", arguments->comparisons,
                   "Pairs of identical arms, 24 processes each (some ten "
                   "seconds); 0: none")
      ->check(number_within(0, 1000))
      ->capture_default_str();
  command->add_option("--work", arguments->work, "What the arms do: gemv, gemm, or both")
      ->check(CLI::IsMember({"gemv", "gemm"}))
      ->capture_default_str();
  command->add_option("--db", arguments->database, "Keep the result in this database")
      ->check(database_place());
  command->add_flag("--json", arguments->json, "As JSON");
  command->callback([arguments, &result] { run_doctor(*arguments, result); });
}

}  // namespace assay
