"""Writes tests/data/stats/goldens.json: what SciPy says about fixed samples.

Run it by hand with the environment of `scripts/setup --peers`; the tests only read the file.
"""

import json
import random
from pathlib import Path

import numpy as np
import scipy
from scipy import stats

TARGET = Path(__file__).resolve().parents[2] / "tests/data/stats/goldens.json"


def samples() -> dict[str, list[float]]:
    generator = np.random.default_rng(7)
    return {
        "two": [3.0, 1.0],
        "five": [5.0, 1.0, 4.0, 1.0, 3.0],
        "six": [2.0, 9.0, 4.0, 7.0, 1.0, 3.0],
        "times": [round(float(x), 6) for x in generator.lognormal(-3.0, 0.4, 41)],
        "windows": [round(float(x), 6) for x in generator.normal(2.7, 0.3, 30)],
    }


def describe(values: list[float]) -> dict:
    array = np.array(values)
    points = [0.0, 0.025, 0.1, 0.5, 0.75, 0.99, 1.0]
    interval = stats.t.interval(0.95, len(array) - 1, array.mean(), stats.sem(array))
    result = {
        "values": values,
        "quantiles": [[p, float(np.quantile(array, p, method="linear"))] for p in points],
        "mean": float(array.mean()),
        "stddev": float(array.std(ddof=1)),
        "std_error": float(stats.sem(array)),
        "t_interval": [float(x) for x in interval],
    }
    exact = stats.quantile_test(array, q=0, p=0.5).confidence_interval(0.95)
    ends = [float(exact.low), float(exact.high)]
    result["median_interval"] = None if np.isnan(ends).any() else ends
    return result


def exp_mean(values: list[float]) -> dict:
    array = np.array(values)
    value = float(np.exp(array.mean()))
    error = value * float(stats.sem(array))
    of_mean = stats.t.interval(0.95, len(values) - 1, array.mean(), stats.sem(array))
    return {"value": value, "std_error": error, "interval": [float(np.exp(x)) for x in of_mean]}


def bootstrap(values: list[float], seed: int, resamples: int) -> dict:
    source = random.Random(seed)
    last = len(values) - 1
    medians = [
        float(np.median([values[source.randint(0, last)] for _ in values]))
        for _ in range(resamples)
    ]
    ends = [float(np.quantile(medians, p)) for p in (0.025, 0.975)]
    return {"seed": seed, "resamples": resamples, "interval": ends}


def wilson(successes: int, trials: int, confidence: float) -> list:
    result = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return [successes, trials, confidence, float(result.low), float(result.high)]


def welch(a: list[float], b: list[float], confidence: float) -> dict:
    test = stats.ttest_ind(a, b, equal_var=False)
    interval = test.confidence_interval(confidence)
    return {"a": a, "b": b, "confidence": confidence, "value": float(np.mean(a) - np.mean(b)),
            "std_error": float((np.mean(a) - np.mean(b)) / test.statistic),
            "interval": [float(interval.low), float(interval.high)]}


def samples_for_percentile(percentile: float, slower: int, confidence: float) -> list:
    """Least n for which P(Binomial(n, 1 - percentile) <= slower) <= 1 - confidence."""
    n = slower + 1
    while stats.binom.cdf(slower, n, 1 - percentile) > 1 - confidence:
        n += 1
    return [percentile, slower, confidence, n]


def main() -> None:
    data = samples()
    document = {
        "versions": {"scipy": scipy.__version__, "numpy": np.__version__},
        "samples": {name: describe(values) for name, values in data.items()},
        "exp_mean": exp_mean(data["windows"]),
        "bootstrap_median": bootstrap(data["times"], 42, 200),
        "wilson": [wilson(*case) for case in
                   [(0, 10, 0.95), (10, 10, 0.95), (3, 7, 0.9), (61, 200, 0.95), (1, 2, 0.99)]],
        "normal": [[1.5, 0.25, 0.9, *map(float, stats.norm.interval(0.9, 1.5, 0.25))]],
    }
    document["welch"] = [welch(data["times"], data["windows"], 0.95),
                         welch(data["five"], data["six"], 0.9), welch([1.0, 2.0], data["six"], 0.95)]
    document["samples_for_percentile"] = [
        samples_for_percentile(p, t, 0.99)
        for p in (0.5, 0.9, 0.95, 0.99) for t in (0, 1, 2, 5, 10)]
    difference = np.array(data["times"][:30]) - np.array(data["windows"])
    document["paired"] = {
        "mean": float(difference.mean()),
        "interval": [float(x) for x in
                     stats.t.interval(0.95, 29, difference.mean(), stats.sem(difference))],
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
