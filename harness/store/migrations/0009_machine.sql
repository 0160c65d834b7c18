-- Machines by a hash of what names them and of this file's identity, with words for people.
CREATE TABLE machine (
  machine_id TEXT PRIMARY KEY,
  description TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Where an attempt was made. NULL: before this was kept, or read out of a file.
ALTER TABLE attempt ADD COLUMN machine TEXT REFERENCES machine(machine_id);

DROP VIEW results;
DROP VIEW results_history;
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
  c.ordinal AS ordinal, d.metric_id AS metric_id, coalesce(v.no_interval, '') AS no_interval,
  coalesce(d.basis, '') AS basis, coalesce(a.machine, '') AS machine,
  coalesce(a.timed, 0) AS timed
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
  profile, seed, status, reason, value, lo, hi, n, twin_value, ratio, cell_key, random_weights, limited,
  no_interval, basis, machine, timed
FROM results_history
WHERE experiment_id IN (SELECT experiment_id FROM current_experiment);

DROP VIEW raw_samples;
CREATE VIEW raw_samples AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, d.tag AS metric, d.unit AS unit,
  c.profile_id AS profile, c.seed AS seed, s.process_no AS process, p.order_pos AS "order",
  s.idx AS idx, s.value AS value, s.warmup AS warmup, c.cell_key AS cell_key,
  p.block AS block, a.schedule_seed AS schedule_seed, p.started_utc AS started_utc,
  coalesce(a.machine, '') AS machine
FROM current_experiment e
CROSS JOIN plan_cell c ON c.experiment_id = e.experiment_id
CROSS JOIN cell_choice h ON h.cell_id = c.cell_id
CROSS JOIN attempt a ON a.attempt_id = h.attempt_id AND a.status = 'OK'
CROSS JOIN sample s ON s.attempt_id = a.attempt_id
CROSS JOIN process_run p ON p.attempt_id = s.attempt_id AND p.process_no = s.process_no
CROSS JOIN metric_def d ON d.metric_id = s.metric_id;
