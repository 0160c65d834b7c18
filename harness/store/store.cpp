#include "harness/store/store.h"

#include <fmt/format.h>

#include <stdexcept>

#include "harness/base/clock.h"
#include "harness/base/errors.h"
#include "harness/base/hashing.h"
#include "harness/store/checksum.h"
#include "harness/store/columns.h"
#include "harness/store/migrations.h"
#include "harness/store/store_impl.h"

namespace assay {
namespace {

constexpr double kWalRetrySeconds = 5;

// A file system without shared memory or locks leaves the mode as it was, without an error.
void ask_for_wal(Connection& connection) {
  const std::string mode = connection.guarded([&] {
    Query rows = connection.query("PRAGMA journal_mode = WAL");
    rows.with();
    return rows.next() ? rows.text(0) : "";
  });
  if (mode == "wal") return;
  throw MachineError(fmt::format(
      "{}: its file system does not do what a database with several users needs (SQLite "
      "stays in journal mode '{}'); choose a local disk with --db",
      connection.path().string(), mode));
}

// Only for a file that is known to be ours or empty: the mode is stored in the file.
void switch_to_wal(Connection& connection) {
  const double start = monotonic_seconds();
  while (true) {
    try {
      ask_for_wal(connection);
      break;
    } catch (const MachineError&) {
      // The busy timeout does not cover this pragma; another program may be making the same file.
      if (monotonic_seconds() - start > kWalRetrySeconds) throw;
    }
  }
  connection.execute("PRAGMA synchronous = NORMAL");
}

void name_the_store(Connection& connection) {
  connection.transaction([&] {
    connection
        .query(
            "INSERT INTO store_meta(key, value) VALUES ('store_uuid', ?), ('created_utc', ?) "
            "ON CONFLICT DO NOTHING")
        .with(new_uuid(), utc_now())
        .run();
  });
}

std::string hash_of_plan(const std::string& config_hash, const std::vector<PlannedCell>& cells) {
  Sha256 hash;
  hash.update(config_hash);
  for (const PlannedCell& cell : cells) hash.update(cell.key);
  return hash.hex();
}

void insert_cells(Store::Impl& store, std::int64_t experiment,
                  const std::vector<PlannedCell>& cells);

}  // namespace

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::open(const std::filesystem::path& path) {
  Connection connection(path, Connection::Mode::kReadWrite);
  const auto migrations = embedded_migrations();
  checked_schema_version(connection, migrations.back().version);
  switch_to_wal(connection);
  migrate(connection, migrations);
  name_the_store(connection);
  return Store(std::make_unique<Impl>(std::move(connection)));
}

Store Store::open_read_only(const std::filesystem::path& path, Older older) {
  Connection connection(path, Connection::Mode::kReadOnly);
  const auto migrations = embedded_migrations();
  const int newest = migrations.back().version;
  const int found = checked_schema_version(connection, newest);
  if (found == newest) {
    // All reads see one state, and none of the thousands that a report makes takes a lock.
    connection.execute("BEGIN");
    return Store(std::make_unique<Impl>(std::move(connection)));
  }
  if (found == 0) {
    throw UserError(fmt::format("{}: is empty; `assay run FILE --db {}` fills it", path.string(),
                                path.string()));
  }
  if (older == Older::kRefuse) {
    throw UserError(fmt::format(
        "{}: has schema version {}, this assay writes {}; `assay run` with this database brings it "
        "up to date",
        path.string(), found, newest));
  }
  // Who only reads must not change the file, and may not be allowed to.
  Connection copy = connection.copy_in_memory();
  migrate(copy, migrations, Copy::kNone);
  copy.execute("PRAGMA query_only = ON");
  return Store(std::make_unique<Impl>(std::move(copy)));
}

std::string Store::Impl::keep_document(const char* kind, const Json& document) {
  const std::string body = canonical_json(document);
  const std::string hash = sha256_hex(body);
  connection.query("INSERT INTO blob_doc(hash, kind, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
      .with(hash, kind, body)
      .run();
  return hash;
}

std::int64_t Store::add_experiment(const std::string& name, const Json& resolved,
                                   std::uint64_t seed, bool limited,
                                   const std::vector<PlannedCell>& cells) {
  Connection& connection = impl_->connection;
  return connection.transaction([&]() -> std::int64_t {
    const std::string config_hash = impl_->keep_document("config", resolved);
    const std::string plan_hash = hash_of_plan(config_hash, cells);
    Query known = connection.query(
        "UPDATE experiment SET plan_order = (SELECT max(plan_order) + 1 FROM experiment) "
        "WHERE name = ? AND plan_hash = ? RETURNING experiment_id");
    known.with(name, plan_hash);
    if (known.next()) {
      const std::int64_t id = known.integer(0);
      known.next();
      return id;
    }
    Query added = connection.query(
        "INSERT INTO experiment(experiment_uuid, name, config_hash, plan_hash, plan_seed, "
        "plan_order, created_utc, limited) VALUES (?, ?, ?, ?, ?, "
        "(SELECT coalesce(max(plan_order), 0) + 1 FROM experiment), ?, ?) RETURNING experiment_id");
    added.with(new_uuid(), name, config_hash, plan_hash, static_cast<std::int64_t>(seed), utc_now(),
               limited);
    added.next();
    const std::int64_t id = added.integer(0);
    added.next();
    insert_cells(*impl_, id, cells);
    Checksums(connection).seal_plan(id);
    return id;
  });
}

namespace {

void insert_cells(Store::Impl& store, std::int64_t experiment,
                  const std::vector<PlannedCell>& cells) {
  static const std::string kInsert = insert_statement(kCells);
  for (const PlannedCell& cell : cells) {
    if (store.keep_document("key", cell.key_doc) != cell.key) {
      throw std::logic_error("the key of cell " + std::to_string(cell.ordinal) +
                             " is not the hash of its document");
    }
    const auto twin =
        cell.twin_key.empty() ? std::nullopt : std::optional<std::string>(cell.twin_key);
    store.connection.query(kInsert.c_str())
        .with(experiment, cell.ordinal, cell.key, twin, cell.model_name, cell.model_hash,
              cell.method, cell.params_json, cell.suite, cell.suite_params_json, cell.profile,
              static_cast<std::int64_t>(cell.seed), cell.random_weights, cell.limited)
        .run();
  }
}

}  // namespace

std::optional<Fingerprint> Store::fingerprint(const std::string& subject_key) const {
  return impl_->connection.reading([&]() -> std::optional<Fingerprint> {
    Query rows =
        impl_->connection.query("SELECT value FROM fingerprint WHERE subject_key = ? ORDER BY idx");
    rows.with(subject_key);
    Fingerprint found;
    while (rows.next()) found.values.push_back(rows.number(0));
    if (found.values.empty()) return std::nullopt;
    return found;
  });
}

void Store::set_fingerprint(const std::string& subject_key, const Fingerprint& fingerprint) {
  Connection& connection = impl_->connection;
  connection.transaction([&] {
    connection.query("DELETE FROM fingerprint WHERE subject_key = ?").with(subject_key).run();
    for (std::size_t i = 0; i < fingerprint.values.size(); ++i) {
      connection.query("INSERT INTO fingerprint(subject_key, idx, value) VALUES (?, ?, ?)")
          .with(subject_key, static_cast<std::int64_t>(i), fingerprint.values[i])
          .run();
    }
  });
}

void Store::add_machine_check(const std::string& profile, const Json& document) {
  impl_->connection.transaction([&] {
    impl_->connection
        .query("INSERT INTO machine_check(profile_id, created_utc, body) VALUES (?, ?, ?)")
        .with(profile, utc_now(), canonical_json(document))
        .run();
  });
}

}  // namespace assay
