-- Why a value that could have an interval has none; empty when it has one or never could.
ALTER TABLE metric_value ADD COLUMN no_interval TEXT NOT NULL DEFAULT '';

-- Intervals of earlier versions that no measurement can mean: Student's on the raw scale reached
-- below 0, a perplexity's below 1.
UPDATE metric_value SET lo = NULL, hi = NULL, interval_method = '',
  no_interval = 'measured before intervals were on the log scale'
WHERE interval_method IN ('student_t', 'order_statistics') AND lo < 0 AND metric_id IN (
  SELECT metric_id FROM metric_def WHERE unit <> '' AND tag NOT IN ('energy/net_per_token', 'kl'));
UPDATE metric_value SET lo = max(lo, 0.0) WHERE lo < 0 AND metric_id IN (
  SELECT metric_id FROM metric_def WHERE tag IN ('kl', 'top1_agreement', 'acc', 'acc_norm'));
UPDATE metric_value SET hi = 1.0 WHERE hi > 1 AND metric_id IN (
  SELECT metric_id FROM metric_def WHERE tag IN ('top1_agreement', 'acc', 'acc_norm'));
UPDATE metric_value SET lo = 1.0 WHERE lo < 1 AND value >= 1 AND metric_id IN (
  SELECT metric_id FROM metric_def WHERE tag IN ('token_ppl', 'word_ppl', 'perplexity'));

-- One row a cell, code and text: a worker may have several things to say under one code.
DROP VIEW remarks;
CREATE VIEW remarks AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, c.profile_id AS profile, c.seed AS seed,
  v.level AS level, v.code AS code, v.text AS text, min(v.event_id) AS first_event,
  count(DISTINCT v.process_no) AS processes,
  (SELECT count(*) FROM process_run p WHERE p.attempt_id = h.attempt_id) AS of_processes,
  c.cell_key AS cell_key, c.ordinal AS ordinal
FROM current_experiment e
CROSS JOIN plan_cell c ON c.experiment_id = e.experiment_id
CROSS JOIN cell_choice h ON h.cell_id = c.cell_id
CROSS JOIN event v ON v.attempt_id = h.attempt_id
WHERE v.level <> 'info'
GROUP BY e.experiment_id, c.cell_id, v.level, v.code, v.text;

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
  coalesce(d.basis, '') AS basis
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
  no_interval, basis
FROM results_history
WHERE experiment_id IN (SELECT experiment_id FROM current_experiment);
