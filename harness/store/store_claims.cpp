// Attempts begin here: who is at a cell, and who is gone.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "harness/base/clock.h"
#include "harness/base/hashing.h"
#include "harness/store/checksum.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

// Start of a process in clock ticks since boot (field 22 of /proc/PID/stat). Kept for people: the
// sign of life tells who is alive.
std::string start_of_process(std::int64_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return "";
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return field;
}

/// A RUNNING attempt.
struct Running {
  std::int64_t attempt = 0, pid = 0;
  std::string owner, boot, started;
};

std::vector<Running> read_running(Query& rows) {
  std::vector<Running> running;
  while (rows.next()) {
    running.push_back({rows.integer(0), rows.integer(1), rows.text(2), rows.text(3), rows.text(4)});
  }
  return running;
}

constexpr const char* kAllRunning =
    "SELECT attempt_id, owner_pid, coalesce(owner, ''), owner_boot_id, started_utc FROM attempt "
    "WHERE status = 'RUNNING'";
constexpr const char* kRunningOfCell =
    "SELECT attempt_id, owner_pid, coalesce(owner, ''), owner_boot_id, started_utc FROM attempt "
    "WHERE status = 'RUNNING' AND cell_key = ?";

bool is_alive(Store::Impl& store, const Running& one) {
  if (store.presence && store.presence->name() == one.owner) return true;
  return run_is_alive(store.connection.path(), one.owner);
}

void close_stale(Connection& connection, const Running& one) {
  const bool rebooted = one.boot != boot_id();
  connection
      .query(
          "UPDATE attempt SET status = 'INTERRUPTED', reason_code = ?, reason_text = ?, "
          "ended_utc = ? WHERE attempt_id = ?")
      .with(rebooted ? kReboot : kParentGone,
            rebooted ? "the machine was restarted" : "the assay process that ran it is gone",
            utc_now(), one.attempt)
      .run();
  Checksums(connection).seal_attempt(one.attempt);
}

/// A run that lives and is at the cell, in words; those that are gone leave it.
std::string who_is_at(Store::Impl& store, const std::string& cell_key) {
  std::vector<Running> running;
  {
    Query rows = store.connection.query(kRunningOfCell);
    rows.with(cell_key);
    running = read_running(rows);
  }
  for (const Running& one : running) {
    if (is_alive(store, one)) {
      return fmt::format("process {}, since {}", one.pid, one.started);
    }
    close_stale(store.connection, one);
  }
  return "";
}

/// The name of the machine in use, which has its row then.
std::optional<std::string> keep_machine(Store::Impl& store) {
  if (store.machine.empty()) return std::nullopt;
  store.connection
      .query("INSERT INTO machine(machine_id, description) VALUES (?, ?) ON CONFLICT DO NOTHING")
      .with(store.machine, store.machine_description)
      .run();
  return store.machine;
}

std::int64_t insert_attempt(Store::Impl& store, std::int64_t experiment,
                            const std::string& cell_key, const std::string& session,
                            std::optional<std::int64_t> schedule_seed, const std::string& owner) {
  const std::optional<std::string> machine = keep_machine(store);
  Query added = store.connection.query(
      "INSERT INTO attempt(attempt_uuid, cell_key, status, session_uuid, started_utc, owner_pid, "
      "owner_started, owner_boot_id, schedule_seed, owner, machine) "
      "VALUES (?, ?, 'RUNNING', ?, ?, ?, ?, ?, ?, ?, ?) RETURNING attempt_id");
  const std::int64_t pid = ::getpid();
  added.with(new_uuid(), cell_key, session, utc_now(), pid, start_of_process(pid), boot_id(),
             schedule_seed, owner, machine);
  added.next();
  const std::int64_t attempt = added.integer(0);
  added.next();
  const int linked = store.connection
                         .query(
                             "INSERT INTO cell_attempt(cell_id, attempt_id) SELECT cell_id, ? "
                             "FROM plan_cell WHERE experiment_id = ? AND cell_key = ?")
                         .with(attempt, experiment, cell_key)
                         .run();
  if (linked != 1) throw std::logic_error("no cell " + cell_key + " in this experiment");
  return attempt;
}

}  // namespace

Presence& Store::Impl::own_presence() {
  if (presence) {
    presence->keep();
  } else {
    presence = std::make_unique<Presence>(connection.path());
  }
  return *presence;
}

void Store::use_machine(const std::string& id, const std::string& description) {
  constexpr std::size_t kDigits = 12;
  impl_->machine = impl_->connection.guarded([&] {
    Query rows = impl_->connection.query("SELECT value FROM store_meta WHERE key = 'store_uuid'");
    rows.with();
    return sha256_hex((rows.next() ? rows.text(0) : "") + id).substr(0, kDigits);
  });
  impl_->machine_description = valid_utf8(description);
}

std::int64_t Store::begin_attempt(std::int64_t experiment, const std::string& cell_key,
                                  const std::string& session,
                                  std::optional<std::int64_t> schedule_seed) {
  const std::string owner = impl_->own_presence().name();
  return impl_->connection.transaction(
      [&] { return insert_attempt(*impl_, experiment, cell_key, session, schedule_seed, owner); });
}

Begun Store::begin_attempts(std::int64_t experiment, const std::string& session,
                            std::optional<std::int64_t> schedule_seed,
                            const std::function<std::vector<std::string>()>& choose) {
  const std::string owner = impl_->own_presence().name();
  return impl_->connection.transaction([&] {
    const std::vector<std::string> keys = choose();
    Begun begun;
    for (const std::string& key : keys) {
      begun.busy = who_is_at(*impl_, key);
      if (!begun.busy.empty()) return begun;
    }
    for (const std::string& key : keys) {
      begun.attempts.push_back(
          insert_attempt(*impl_, experiment, key, session, schedule_seed, owner));
    }
    return begun;
  });
}

int Store::close_stale_attempts() {
  Connection& connection = impl_->connection;
  const int closed = connection.transaction([&] {
    std::vector<Running> running;
    {
      Query rows = connection.query(kAllRunning);
      rows.with();
      running = read_running(rows);
    }
    std::erase_if(running, [&](const Running& one) { return is_alive(*impl_, one); });
    for (const Running& one : running) close_stale(connection, one);
    return static_cast<int>(running.size());
  });
  remove_abandoned_runs(connection.path());
  return closed;
}

}  // namespace assay
