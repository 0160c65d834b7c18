-- What each metric rests on (harness/protocol/basis.h), and which value of the items; '': not declared.
ALTER TABLE metric_def ADD COLUMN basis TEXT NOT NULL DEFAULT ''
  CHECK (basis IN ('', 'exact', 'measured', 'share', 'mean', 'exp_mean'));
ALTER TABLE metric_def ADD COLUMN item_value TEXT NOT NULL DEFAULT '';
-- Values of an item that only its suite kind has, by name.
ALTER TABLE per_item ADD COLUMN extra TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra));

-- Metrics that this program itself has emitted so far. Anything else stays undeclared.
UPDATE metric_def SET basis = 'share', item_value = 'correct' WHERE tag = 'acc' AND convention IN (
  'lm-evaluation-harness 0.4.13, first {limit} items of each subtask (0: all): largest sum of log-probabilities',
  'lm-evaluation-harness 0.4.13, first {limit} items (0: all): every token of the word is the most likely one');
UPDATE metric_def SET basis = 'share', item_value = 'correct_norm' WHERE tag = 'acc_norm' AND convention =
  'lm-evaluation-harness 0.4.13, first {limit} items of each subtask (0: all): largest sum of log-probabilities divided by the answer''s characters';
UPDATE metric_def SET basis = 'share', item_value = tag
WHERE tag IN ('acc/humanities', 'acc/other', 'acc/social_sciences', 'acc/stem') AND convention =
  'lm-evaluation-harness 0.4.13, first {limit} items of each subtask (0: all): largest sum of log-probabilities, group of MMLU';
UPDATE metric_def SET basis = 'exp_mean', item_value = 'nll' WHERE tag = 'perplexity' AND convention =
  'lm-evaluation-harness 0.4.13, first {limit} items (0: all): exp of the mean negative log-likelihood of a word';
UPDATE metric_def SET basis = 'exp_mean', item_value = 'nll_per_token' WHERE tag = 'token_ppl' AND convention =
  'gptq@{window}: stream tokenised at once, windows without overlap, tail dropped, first token of a window not scored, exp of the unweighted mean of the windows'' mean negative log-likelihoods';
UPDATE metric_def SET basis = 'mean', item_value = 'kld' WHERE tag = 'kl' AND convention =
  'kl@{window}: the windows and positions of token_ppl, against the dense model; KL(dense || compressed), mean of the windows'' means';
UPDATE metric_def SET basis = 'share', item_value = 'top1_agreement' WHERE tag = 'top1_agreement' AND convention =
  'kl@{window}: the windows and positions of token_ppl, against the dense model; share of positions with the same most likely token';
UPDATE metric_def SET basis = 'exp_mean', item_value = 'nll_growth' WHERE tag = 'ppl_ratio' AND convention =
  'kl@{window}: the windows and positions of token_ppl, against the dense model; perplexity over the dense model''s perplexity';
UPDATE metric_def SET basis = 'exact' WHERE convention NOT LIKE 'imported from %' AND tag IN (
  'model/params', 'model/nonzero', 'model/resident_bytes', 'model/host_bytes', 'model/touched_bytes',
  'model/flops_per_token', 'step/touched_bytes', 'step/touched_bytes_p95', 'step/flops_per_token',
  'step/fallback_share', 'achieved_sparsity', 'fit/calibration_tokens', 'artefact/bytes',
  'kernel/instructions');
UPDATE metric_def SET basis = 'measured' WHERE convention NOT LIKE 'imported from %' AND tag IN (
  'peak_rss', 'process/peak_rss', 'process/load', 'process/first_call', 'process/warmup', 'process/steady',
  'process/loops', 'fit/seconds', 'fit/peak_rss', 'memory/base_rss', 'memory/loaded_rss',
  'memory/work_rss', 'memory/work_allocated', 'memory/device_allocated', 'memory/device_reserved',
  'energy/per_token', 'energy/net_per_token', 'energy/idle_power', 'decode/token_latency',
  'decode/first_token_latency', 'decode/tokens_per_s', 'decode/token_latency_p95',
  'decode/token_latency_p99', 'prefill/latency', 'prefill/tokens_per_s', 'ffn_decode/latency',
  'ffn_decode/tokens_per_s', 'kernel/latency');

DROP VIEW item_scores;
CREATE VIEW item_scores AS
SELECT
  e.name AS experiment, c.model_name AS model, c.method AS method, c.params AS params,
  c.suite_id AS suite, c.suite_params AS suite_params, c.profile_id AS profile, c.seed AS seed,
  i.item_no AS item, i.item_hash AS item_hash, i.correct AS correct, i.score AS score, i.nll AS nll,
  i.kld AS kld, i.n_tokens AS tokens, c.cell_key AS cell_key, i.extra AS extra
FROM current_experiment e
JOIN plan_cell c ON c.experiment_id = e.experiment_id
JOIN cell_choice h ON h.cell_id = c.cell_id
JOIN attempt a ON a.attempt_id = h.attempt_id AND a.status = 'OK'
JOIN per_item i ON i.attempt_id = a.attempt_id;
