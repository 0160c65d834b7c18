-- First schema. Columns are added by later files, never renamed or given another meaning.

CREATE TABLE store_meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Documents that are hashed and compared as a whole.
CREATE TABLE blob_doc (
  hash TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('config', 'key', 'environment')),
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT, WITHOUT ROWID;

-- One frozen plan. plan_order grows each time a plan is asked for: the largest of a name is current.
CREATE TABLE experiment (
  experiment_id INTEGER PRIMARY KEY,
  experiment_uuid TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  config_hash TEXT NOT NULL REFERENCES blob_doc(hash),
  plan_hash TEXT NOT NULL,
  plan_seed INTEGER NOT NULL,
  plan_order INTEGER NOT NULL UNIQUE,
  created_utc TEXT NOT NULL,
  limited INTEGER NOT NULL CHECK (limited IN (0, 1)),
  UNIQUE (name, plan_hash)
) STRICT;

CREATE TABLE plan_cell (
  cell_id INTEGER PRIMARY KEY,
  experiment_id INTEGER NOT NULL REFERENCES experiment(experiment_id),
  ordinal INTEGER NOT NULL,
  cell_key TEXT NOT NULL REFERENCES blob_doc(hash),
  twin_key TEXT,
  model_name TEXT NOT NULL,
  model_hash TEXT NOT NULL,
  method TEXT NOT NULL,
  params TEXT NOT NULL CHECK (json_valid(params)),
  suite_id TEXT NOT NULL,
  suite_params TEXT NOT NULL CHECK (json_valid(suite_params)),
  profile_id TEXT NOT NULL,
  seed INTEGER NOT NULL,
  random_weights INTEGER NOT NULL CHECK (random_weights IN (0, 1)),
  limited INTEGER NOT NULL CHECK (limited IN (0, 1)),
  UNIQUE (experiment_id, cell_key),
  UNIQUE (experiment_id, ordinal)
) STRICT;
CREATE INDEX plan_cell_by_key ON plan_cell(cell_key);

-- One execution of a cell. owner_*: the assay process that runs it, so that a dead one is noticed.
CREATE TABLE attempt (
  attempt_id INTEGER PRIMARY KEY,
  attempt_uuid TEXT NOT NULL UNIQUE,
  cell_key TEXT NOT NULL REFERENCES blob_doc(hash),
  status TEXT NOT NULL CHECK (status IN ('QUEUED', 'RUNNING', 'OK', 'UNMET', 'INVALID', 'NAN', 'OOM',
    'TIMEOUT', 'CRASHED', 'INTERRUPTED')),
  reason_code TEXT,
  reason_text TEXT,
  session_uuid TEXT NOT NULL,
  timed INTEGER NOT NULL DEFAULT 0 CHECK (timed IN (0, 1)),
  started_utc TEXT NOT NULL,
  ended_utc TEXT,
  owner_pid INTEGER NOT NULL,
  owner_started TEXT NOT NULL,
  owner_boot_id TEXT NOT NULL
) STRICT;
CREATE INDEX attempt_by_key ON attempt(cell_key, status);
CREATE INDEX attempt_by_status ON attempt(status);

-- Attempts that count for a cell; a cell of a second experiment can link one of the first.
CREATE TABLE cell_attempt (
  cell_id INTEGER NOT NULL REFERENCES plan_cell(cell_id),
  attempt_id INTEGER NOT NULL REFERENCES attempt(attempt_id) ON DELETE CASCADE,
  PRIMARY KEY (cell_id, attempt_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE process_run (
  attempt_id INTEGER NOT NULL REFERENCES attempt(attempt_id) ON DELETE CASCADE,
  process_no INTEGER NOT NULL,
  pass TEXT NOT NULL,
  order_pos INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  started_utc TEXT NOT NULL,
  ended_utc TEXT NOT NULL,
  exit_code INTEGER NOT NULL,
  signal INTEGER NOT NULL,
  peak_rss_bytes INTEGER NOT NULL,
  cpu_seconds REAL NOT NULL,
  load1 REAL NOT NULL,
  stderr_tail TEXT NOT NULL,
  env_hash TEXT REFERENCES blob_doc(hash),
  PRIMARY KEY (attempt_id, process_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_def (
  metric_id INTEGER PRIMARY KEY,
  tag TEXT NOT NULL,
  unit TEXT NOT NULL,
  direction INTEGER NOT NULL CHECK (direction IN (-1, 0, 1)),
  convention TEXT NOT NULL DEFAULT '',
  help TEXT NOT NULL,
  UNIQUE (tag, convention)
) STRICT;

CREATE TABLE sample (
  attempt_id INTEGER NOT NULL,
  process_no INTEGER NOT NULL,
  metric_id INTEGER NOT NULL REFERENCES metric_def(metric_id),
  idx INTEGER NOT NULL,
  value REAL NOT NULL,
  warmup INTEGER NOT NULL CHECK (warmup IN (0, 1)),
  PRIMARY KEY (attempt_id, metric_id, process_no, idx),
  FOREIGN KEY (attempt_id, process_no) REFERENCES process_run(attempt_id, process_no)
    ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_value (
  attempt_id INTEGER NOT NULL REFERENCES attempt(attempt_id) ON DELETE CASCADE,
  metric_id INTEGER NOT NULL REFERENCES metric_def(metric_id),
  value REAL,
  std_error REAL,
  lo REAL,
  hi REAL,
  n INTEGER NOT NULL,
  interval_method TEXT NOT NULL,
  null_reason TEXT,
  CHECK ((value IS NULL) = (null_reason IS NOT NULL)),
  PRIMARY KEY (attempt_id, metric_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE per_item (
  attempt_id INTEGER NOT NULL REFERENCES attempt(attempt_id) ON DELETE CASCADE,
  item_no INTEGER NOT NULL,
  item_hash TEXT NOT NULL,
  correct INTEGER CHECK (correct IN (0, 1)),
  score REAL,
  nll REAL,
  kld REAL,
  n_tokens INTEGER NOT NULL,
  output_hash TEXT NOT NULL,
  PRIMARY KEY (attempt_id, item_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
  event_id INTEGER PRIMARY KEY,
  attempt_id INTEGER NOT NULL,
  process_no INTEGER NOT NULL,
  at_utc TEXT NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
  code TEXT NOT NULL,
  text TEXT NOT NULL,
  FOREIGN KEY (attempt_id, process_no) REFERENCES process_run(attempt_id, process_no)
    ON DELETE CASCADE
) STRICT;
CREATE INDEX event_by_attempt ON event(attempt_id, process_no);

-- Logits of the fixed probe batch that scoring saw; timing must reproduce them.
CREATE TABLE fingerprint (
  subject_key TEXT NOT NULL,
  idx INTEGER NOT NULL,
  value REAL NOT NULL,
  PRIMARY KEY (subject_key, idx)
) STRICT, WITHOUT ROWID;

-- The newest plan of each name.
CREATE VIEW current_experiment AS
SELECT * FROM experiment e
WHERE plan_order = (SELECT max(plan_order) FROM experiment WHERE name = e.name);

-- The attempt that speaks for a cell: finished before interrupted before running, then the newest.
CREATE VIEW cell_choice AS
SELECT cell_id, attempt_id FROM (
  SELECT l.cell_id, l.attempt_id, row_number() OVER (
    PARTITION BY l.cell_id
    ORDER BY CASE a.status WHEN 'QUEUED' THEN 3 WHEN 'RUNNING' THEN 2 WHEN 'INTERRUPTED' THEN 1
      ELSE 0 END, l.attempt_id DESC) AS place
  FROM cell_attempt l JOIN attempt a ON a.attempt_id = l.attempt_id)
WHERE place = 1;

-- Every plan ever made. Timed cells take their twin from their own session only.
CREATE VIEW results_history AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, d.tag AS metric, d.unit AS unit,
  d.convention AS convention, d.direction AS direction, c.profile_id AS profile, c.seed AS seed,
  coalesce(a.status, 'QUEUED') AS status,
  coalesce(v.null_reason, a.reason_text, a.reason_code, '') AS reason,
  v.value AS value, v.lo AS lo, v.hi AS hi, v.n AS n, t.value AS twin_value,
  CASE WHEN t.value <> 0 THEN v.value / t.value END AS ratio,
  c.cell_key AS cell_key, c.random_weights AS random_weights, c.limited AS limited,
  e.experiment_id AS experiment_id, e.created_utc AS created_utc, e.plan_order AS plan_order,
  c.ordinal AS ordinal, d.metric_id AS metric_id
FROM experiment e
JOIN plan_cell c ON c.experiment_id = e.experiment_id
LEFT JOIN cell_choice h ON h.cell_id = c.cell_id
LEFT JOIN attempt a ON a.attempt_id = h.attempt_id
LEFT JOIN metric_value v ON v.attempt_id = a.attempt_id AND a.status = 'OK'
LEFT JOIN metric_def d ON d.metric_id = v.metric_id
LEFT JOIN metric_value t ON t.metric_id = v.metric_id AND t.attempt_id = (
  SELECT max(b.attempt_id) FROM attempt b
  WHERE b.cell_key = c.twin_key AND b.status = 'OK'
    AND (a.timed = 0 OR b.session_uuid = a.session_uuid));

CREATE VIEW results AS
SELECT experiment, model, method, params, suite, suite_params, metric, unit, convention, direction,
  profile, seed, status, reason, value, lo, hi, n, twin_value, ratio, cell_key, random_weights, limited
FROM results_history
WHERE experiment_id IN (SELECT experiment_id FROM current_experiment);

CREATE VIEW raw_samples AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, d.tag AS metric, d.unit AS unit,
  c.profile_id AS profile, c.seed AS seed, s.process_no AS process, p.order_pos AS "order",
  s.idx AS idx, s.value AS value, s.warmup AS warmup, c.cell_key AS cell_key
FROM current_experiment e
JOIN plan_cell c ON c.experiment_id = e.experiment_id
JOIN cell_choice h ON h.cell_id = c.cell_id
JOIN attempt a ON a.attempt_id = h.attempt_id AND a.status = 'OK'
JOIN sample s ON s.attempt_id = a.attempt_id
JOIN process_run p ON p.attempt_id = s.attempt_id AND p.process_no = s.process_no
JOIN metric_def d ON d.metric_id = s.metric_id;

CREATE VIEW item_scores AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, c.profile_id AS profile, c.seed AS seed,
  i.item_no AS item, i.item_hash AS item_hash, i.correct AS correct, i.score AS score, i.nll AS nll,
  i.kld AS kld, i.n_tokens AS tokens, c.cell_key AS cell_key
FROM current_experiment e
JOIN plan_cell c ON c.experiment_id = e.experiment_id
JOIN cell_choice h ON h.cell_id = c.cell_id
JOIN attempt a ON a.attempt_id = h.attempt_id AND a.status = 'OK'
JOIN per_item i ON i.attempt_id = a.attempt_id;
