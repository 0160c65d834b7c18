-- How processes were scheduled, and what the harness itself cost. NULL: measured before this was kept.
ALTER TABLE attempt ADD COLUMN schedule_seed INTEGER;
ALTER TABLE process_run ADD COLUMN block INTEGER;
ALTER TABLE process_run ADD COLUMN wall_seconds REAL;
ALTER TABLE process_run ADD COLUMN start_seconds REAL;
ALTER TABLE process_run ADD COLUMN between_seconds REAL;
ALTER TABLE process_run ADD COLUMN parent_cpu_seconds REAL;

DROP VIEW raw_samples;
CREATE VIEW raw_samples AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, d.tag AS metric, d.unit AS unit,
  c.profile_id AS profile, c.seed AS seed, s.process_no AS process, p.order_pos AS "order",
  s.idx AS idx, s.value AS value, s.warmup AS warmup, c.cell_key AS cell_key,
  p.block AS block, a.schedule_seed AS schedule_seed, p.started_utc AS started_utc
FROM current_experiment e
JOIN plan_cell c ON c.experiment_id = e.experiment_id
JOIN cell_choice h ON h.cell_id = c.cell_id
JOIN attempt a ON a.attempt_id = h.attempt_id AND a.status = 'OK'
JOIN sample s ON s.attempt_id = a.attempt_id
JOIN process_run p ON p.attempt_id = s.attempt_id AND p.process_no = s.process_no
JOIN metric_def d ON d.metric_id = s.metric_id;

-- What workers had to say beside their numbers: one row a cell and code.
CREATE VIEW remarks AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, c.profile_id AS profile, c.seed AS seed,
  v.level AS level, v.code AS code, v.text AS text, min(v.event_id) AS first_event,
  count(DISTINCT v.process_no) AS processes,
  (SELECT count(*) FROM process_run p WHERE p.attempt_id = h.attempt_id) AS of_processes,
  c.cell_key AS cell_key, c.ordinal AS ordinal
FROM current_experiment e
JOIN plan_cell c ON c.experiment_id = e.experiment_id
JOIN cell_choice h ON h.cell_id = c.cell_id
JOIN event v ON v.attempt_id = h.attempt_id
WHERE v.level <> 'info'
GROUP BY e.experiment_id, c.cell_id, v.level, v.code;

-- Where the time of an experiment's processes went, in seconds. An attempt that two cells share
-- counts once; processes under callgrind are not counted.
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
    (SELECT total(s.value) FROM metric_def d JOIN sample s ON s.attempt_id = r.attempt_id
       AND s.metric_id = d.metric_id AND s.process_no = r.process_no
     WHERE d.tag = 'process/load') AS load_seconds
  FROM plan_cell c
  JOIN cell_choice h ON h.cell_id = c.cell_id
  JOIN process_run r ON r.attempt_id = h.attempt_id
  WHERE r.wall_seconds IS NOT NULL AND r.pass <> 'count') p ON p.experiment_id = e.experiment_id
GROUP BY e.experiment_id;
