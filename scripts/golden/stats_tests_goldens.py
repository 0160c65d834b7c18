"""Writes tests/data/stats/tests.json: what SciPy says of hypothesis tests and BCa intervals.

Run it by hand with the environment of `scripts/setup --peers`; the tests only read the file.
"""

import json
import random
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

TARGET = Path(__file__).resolve().parents[2] / "tests/data/stats/tests.json"
ALTERNATIVES = {"two_sided": "two-sided", "greater": "greater", "less": "less"}

RANK_CASES = [
    ([90, 86], [89, 72]),
    ([9, 8], [10, 7]),
    ([80, 77], [75, 66.6, 1]),
    ([8, 8], [7, 4.54, 800]),
    ([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]),
    ([1.0, 1.1, 1.2, 1.3, 1.4, 1.5], [1.25, 1.35, 1.45, 1.55, 1.65, 1.75]),
    ([1, 1, 2, 2, 3], [2, 3, 3, 4, 4]),
]

UNPAIRED = ([10.0, 10.2, 10.1, 10.4, 10.3, 10.6], [10.5, 10.7, 10.9, 11.0, 10.8, 11.2])
DRIFT = ([10.0, 11, 12, 13, 14, 15], [10.4, 11.3, 11.9, 13.6, 14.5, 15.2])


def tied(*samples: list[float]) -> bool:
    together = [x for sample in samples for x in sample]
    return len(set(together)) < len(together)


def rank_case(x: list[float], y: list[float]) -> dict:
    exact = not tied(x, y) and max(len(x), len(y)) <= 50
    method = "exact" if exact else "asymptotic"
    result = {"x": x, "y": y, "variant": "u_exact" if exact else "u_asymptotic_tie_cc", "p": {}}
    for name, alternative in ALTERNATIVES.items():
        test = stats.mannwhitneyu(x, y, alternative=alternative, method=method, use_continuity=True)
        result["u"] = float(test.statistic)
        result["p"][name] = float(test.pvalue)
    return result


def rank_cases() -> list[dict]:
    generator = np.random.default_rng(11)
    cases = list(RANK_CASES)
    for m, n in [(12, 12), (7, 30), (50, 50), (60, 55)]:
        x = [round(float(v), 9) for v in generator.lognormal(0.05, 0.2, m)]
        y = [round(float(v), 9) for v in generator.lognormal(0.0, 0.2, n)]
        cases.append((x, y))
    return [rank_case(x, y) for x, y in cases]


def permutation_case(x: list[float], y: list[float], of: str) -> dict:
    function = {"mean": np.mean, "median": np.median}[of]
    result = {"x": x, "y": y, "of": of, "p": {}}
    for name, alternative in ALTERNATIVES.items():
        test = stats.permutation_test(
            (x, y), lambda a, b, axis: function(a, axis=axis) - function(b, axis=axis),
            permutation_type="independent", vectorized=True, n_resamples=np.inf,
            alternative=alternative)
        result["statistic"] = float(test.statistic)
        result["p"][name] = float(test.pvalue)
    return result


def sign_flip_case(a: list[float], b: list[float]) -> dict:
    logs = (np.log(b), np.log(a))
    result = {"differences": [float(v) for v in logs[0] - logs[1]], "p": {}}
    for name, alternative in ALTERNATIVES.items():
        test = stats.permutation_test(
            logs, lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
            vectorized=True, n_resamples=np.inf, alternative=alternative)
        result["statistic"] = float(test.statistic)
        result["p"][name] = float(test.pvalue)
    return result


def sign_flip_cases() -> list[dict]:
    generator = np.random.default_rng(12)
    twelve = [generator.lognormal(0, 0.1, 12).tolist() for _ in range(2)]
    return [sign_flip_case(*pair) for pair in (UNPAIRED, DRIFT, twelve)]


def mcnemar_case(b: int, c: int) -> dict:
    n = b + c
    if n == 0:
        return {"b": b, "c": c, "exact": 1.0, "mid_p": 1.0, "chi_square_p": 1.0}
    exact = stats.binomtest(min(b, c), n, 0.5).pvalue
    mid = exact - stats.binom.pmf(min(b, c), n, 0.5)
    corrected = max(0, abs(b - c) - 1) ** 2 / n
    return {"b": b, "c": c, "exact": float(exact), "mid_p": float(mid),
            "chi_square_p": float(stats.chi2.sf(corrected, 1))}


def draws(seed: int, n: int, resamples: int) -> list[list[int]]:
    source = random.Random(seed)
    return [[source.randint(0, n - 1) for _ in range(n)] for _ in range(resamples)]


def bca_case(samples: list[list[float]], of: str, seed: int, resamples: int) -> dict:
    """SciPy's BCa interval on our draws: it is given the resampled statistics and adds none."""
    functions = {
        "mean": lambda x, axis=-1: np.mean(x, axis=axis),
        "median": lambda x, axis=-1: np.median(x, axis=axis),
        "stddev": lambda x, axis=-1: np.std(x, axis=axis, ddof=1),
        "ratio_of_means": lambda x, y, axis=-1: np.mean(y, axis=axis) / np.mean(x, axis=axis),
    }
    function = functions[of]
    arrays = [np.array(sample) for sample in samples]
    rows = draws(seed, len(samples[0]), resamples)
    resampled = np.array([function(*[array[row] for array in arrays]) for row in rows])
    prior = stats.bootstrap(arrays, function, paired=True, n_resamples=1, method="basic",
                            vectorized=True)
    prior.bootstrap_distribution = resampled
    result = {"samples": samples, "of": of, "seed": seed, "resamples": resamples,
              "value": float(function(*arrays)), "std_error": float(np.std(resampled, ddof=1))}
    for method, name in (("percentile", "percentile"), ("BCa", "bca")):
        interval = stats.bootstrap(arrays, function, paired=True, n_resamples=0, method=method,
                                   vectorized=True, bootstrap_result=prior).confidence_interval
        result[name] = [float(interval.low), float(interval.high)]
    return result


def bca_cases() -> list[dict]:
    generator = np.random.default_rng(13)
    skewed = [round(float(v), 6) for v in generator.lognormal(0, 0.6, 25)]
    partner = [round(float(v * generator.normal(1.1, 0.05)), 6) for v in skewed]
    return [bca_case([skewed], "mean", 5, 400), bca_case([skewed], "stddev", 6, 400),
            bca_case([skewed], "median", 7, 400),
            bca_case([skewed, partner], "ratio_of_means", 8, 400)]


def holm_case(p: list[float]) -> dict:
    """Holm by its definition: reject in order of p while p <= alpha / (tests left)."""
    adjusted = []
    for value in p:
        worst = 0.0
        ordered = sorted(p)
        for rank, other in enumerate(ordered):
            if other > value:
                break
            worst = max(worst, min(1.0, (len(p) - rank) * other))
        adjusted.append(worst)
    return {"p": p, "adjusted": adjusted}


def main() -> None:
    document = {
        "versions": {"scipy": scipy.__version__, "numpy": np.__version__},
        "rank": rank_cases(),
        "permutation": [permutation_case(*UNPAIRED, "mean"), permutation_case(*UNPAIRED, "median"),
                        permutation_case(*DRIFT, "mean"),
                        permutation_case(UNPAIRED[0][:4], UNPAIRED[1], "mean")],
        "sign_flip": sign_flip_cases(),
        "mcnemar": [mcnemar_case(b, c) for b, c in
                    [(10, 2), (2, 10), (0, 0), (5, 5), (1, 0), (6, 0), (25, 12), (120, 95)]],
        "bca": bca_cases(),
        "holm": [holm_case([0.01, 0.04, 0.03, 0.005]), holm_case([0.2]),
                 holm_case([0.5, 0.5, 0.001])],
        "mde_z": float(stats.norm.isf(0.01) + stats.norm.ppf(0.8)),
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
