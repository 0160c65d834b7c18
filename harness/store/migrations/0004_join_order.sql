-- The same views, with the order of their joins given (CROSS JOIN): SQLite began with the samples of
-- every experiment in the file, so that reading one took longer the more others there were.
DROP VIEW raw_samples;
CREATE VIEW raw_samples AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, d.tag AS metric, d.unit AS unit,
  c.profile_id AS profile, c.seed AS seed, s.process_no AS process, p.order_pos AS "order",
  s.idx AS idx, s.value AS value, s.warmup AS warmup, c.cell_key AS cell_key,
  p.block AS block, a.schedule_seed AS schedule_seed, p.started_utc AS started_utc
FROM current_experiment e
CROSS JOIN plan_cell c ON c.experiment_id = e.experiment_id
CROSS JOIN cell_choice h ON h.cell_id = c.cell_id
CROSS JOIN attempt a ON a.attempt_id = h.attempt_id AND a.status = 'OK'
CROSS JOIN sample s ON s.attempt_id = a.attempt_id
CROSS JOIN process_run p ON p.attempt_id = s.attempt_id AND p.process_no = s.process_no
CROSS JOIN metric_def d ON d.metric_id = s.metric_id;

DROP VIEW harness_overhead;
CREATE VIEW harness_overhead AS
SELECT
  e.name AS experiment, count(*) AS processes, total(p.wall_seconds) AS wall,
  total(p.start_seconds) AS start, total(p.load_seconds) AS load,
  total(p.between_seconds) AS between_processes, total(p.parent_cpu_seconds) AS parent_cpu
FROM current_experiment e
JOIN (
  SELECT DISTINCT c.experiment_id AS experiment_id, r.attempt_id AS attempt_id,
    r.process_no AS process_no, r.wall_seconds AS wall_seconds, r.start_seconds AS start_seconds,
    r.between_seconds AS between_seconds, r.parent_cpu_seconds AS parent_cpu_seconds,
    (SELECT total(s.value) FROM metric_def d CROSS JOIN sample s ON s.attempt_id = r.attempt_id
       AND s.metric_id = d.metric_id AND s.process_no = r.process_no
     WHERE d.tag = 'process/load') AS load_seconds
  FROM plan_cell c
  JOIN cell_choice h ON h.cell_id = c.cell_id
  JOIN process_run r ON r.attempt_id = h.attempt_id
  WHERE r.wall_seconds IS NOT NULL AND r.pass <> 'count') p ON p.experiment_id = e.experiment_id
GROUP BY e.experiment_id;
