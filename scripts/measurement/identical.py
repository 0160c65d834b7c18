"""A/A: identical arms through the whole path, some beside a noisy neighbour. Counts false verdicts.

Both arms are the same model with the same work; they differ in a setting that times do not touch.

  scripts/measurement/identical.py --db aa.db --minutes 4     # again until all 60 pairs are there
  scripts/measurement/identical.py --db aa.db --summary
"""

from typing import Any

from common import Assay, Trial, arguments, experiment, run_pieces

PAIRS = 30  # of each kind
ARMS = 'id = "fixture"\nwrong_share = [0.0, 0.001]'
BASE, CANDIDATE = "fixture:wrong_share=0.0", "fixture:wrong_share=0.001"
SUITES = {
    "decode": 'id = "decode"\nprompt_tokens = 8\nnew_tokens = 64\nmeasured_calls = 4',
    "kernel": 'id = "ffn-decode"\nmeasured_calls = 400\nwarmup_seconds = 0.2\nseconds = 0.2\nmax_seconds = 1.0',
}
METRICS = {"decode": "decode/token_latency", "kernel": "ffn_decode/latency"}


def trials(model: str, profile: str, processes: int) -> list[Trial]:
    """Thirty pairs of each kind; every third has a neighbour."""
    return [
        Trial(f"aa-{kind}-{pair}",
              experiment(f"aa-{kind}-{pair}", pair, profile, model, [ARMS], suite, processes),
              noisy=pair % 3 == 2)
        for kind, suite in SUITES.items() for pair in range(PAIRS)]


def upper_bound(false: int, total: int) -> float:
    """One-sided 95 % bound of Clopper and Pearson, by bisection of the binomial tail."""
    from math import comb

    def tail(p: float) -> float:
        return sum(comb(total, k) * p**k * (1 - p) ** (total - k) for k in range(false + 1))

    low, high = false / total, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle) > 0.05 else (low, middle)
    return high


def judged(assay: Assay, trial: Trial, kind: str, *options: str) -> dict[str, Any]:
    """The row of the timed metric."""
    rows = assay.compare(trial.name, BASE, CANDIDATE, "--metrics", METRICS[kind], *options)
    return rows[0]


def quantile(values: list[float], p: float) -> float:
    """By linear interpolation."""
    ordered = sorted(values)
    place = p * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def line(assay: Assay, label: str, group: list[tuple[str, Trial]]) -> str:
    """One line of the table: what the pairs of a group showed."""
    gate = [judged(assay, trial, kind) for kind, trial in group]
    strict = [judged(assay, trial, kind, "--threshold", "3", "--floor", "0.5")
              for kind, trial in group]
    false = sum(row["verdict"] in ("worse", "better") for row in gate)
    false_strict = sum(row["verdict"] in ("worse", "better") for row in strict)
    # The test is one-sided in the direction of the estimate: twice its p is two-sided.
    below = sum(2 * row["test"]["p"] < 0.05 for row in gate)
    same = sum(row["verdict"] == "same" for row in gate)
    off = [abs(row["effect"] - 1) for row in gate]
    paired = [abs(row["paired_effect"] - 1) for row in gate]
    return (f"| {label} | {len(group)} | {false} | {100 * upper_bound(false, len(group)):.1f} % | "
            f"{false_strict} | {below} | {same} | {100 * quantile(off, 0.5):.2f} / "
            f"{100 * quantile(off, 0.9):.2f} / {100 * max(off):.2f} % | "
            f"{100 * quantile(paired, 0.9):.2f} % |")


def summarise(assay: Assay, everything: list[Trial]) -> None:
    """Prints the table."""
    log = {entry["trial"]: entry for entry in assay.log()}
    there = [(trial.name.split("-")[1], trial) for trial in everything if trial.name in log]
    print("| pairs | number | false verdicts at 10 % | rate at most | at 3 %, floor 0.5 % | "
          "two-sided p < 0.05 | \"same\" | ratio of medians off by: median / p90 / max | "
          "paired estimate off by: p90 |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    groups = {f"{kind}, {'neighbour' if noisy else 'quiet'}":
              [(k, t) for k, t in there if k == kind and t.noisy == noisy]
              for kind in SUITES for noisy in (False, True)}
    for label, group in (groups | {"all": there}).items():
        if group:
            print(line(assay, label, group))
    cpu = sum(entry["parent_cpu_s"] for entry in log.values())
    wall = sum(entry["wall_s"] for entry in log.values())
    print(f"\nCPU time of the parent / wall time of the runs: {100 * cpu / wall:.2f} % "
          f"({cpu:.1f} s of {wall:.0f} s)")


def main() -> None:
    """See above."""
    options = arguments(__doc__, "aa.db").parse_args()
    assay = Assay(options.build, options.db)
    everything = trials(options.model, options.profile, options.processes)
    if not options.summary:
        run_pieces(assay, list(everything), options.minutes)
    summarise(assay, everything)


if __name__ == "__main__":
    main()
