"""Known faults: slowdowns of a decode suite, and answers that turn wrong. Counts what is found.

  scripts/measurement/faults.py --db faults.db --minutes 4    # again until all trials are there
  scripts/measurement/faults.py --db faults.db --summary
"""

from collections import Counter
from typing import Any

from common import Assay, Trial, arguments, experiment, run_pieces

SLOWDOWNS = ["0.0", "0.02", "0.10", "0.25", "1.0"]
LOSSES = ["0.03", "0.002"]
DRAWS = 100
DENSE = 'id = "dense"'
DECODE = 'id = "decode"\nprompt_tokens = 8\nnew_tokens = 64\nmeasured_calls = 4'
ITEMS = f'id = "fixture-items"\ndraw = {{ from = 0, to = {DRAWS - 1}, step = 1 }}'


def slow_trials(model: str, profile: str, processes: int, count: int) -> list[Trial]:
    """Dense and all slowdowns as the arms of one session."""
    slow = f'id = "fixture"\nslowdown = [{", ".join(SLOWDOWNS)}]'
    return [Trial(f"slow-{trial}", experiment(f"slow-{trial}", trial, profile, model,
                                              [DENSE, slow], DECODE, processes))
            for trial in range(count)]


def item_trials(model: str, profile: str) -> list[Trial]:
    """A hundred sets of 1,000 questions, each with both losses; 2 % flip each way besides."""
    lossy = f'id = "fixture"\nchurn = 0.02\nwrong_share = [{", ".join(LOSSES)}]'
    return [Trial("items", experiment("items", 0, profile, model, [DENSE, lossy], ITEMS, 1))]


def verdicts(rows: list[dict[str, Any]]) -> str:
    """"18 worse, 2 ambiguous"."""
    counts = Counter(row["verdict"] for row in rows)
    return ", ".join(f"{number} {name}" for name, number in counts.most_common())


def summarise_times(assay: Assay, names: list[str]) -> None:
    """One line a slowdown and threshold."""
    print("| slowdown | trials | estimate: least / median / most | allowed 10 % | allowed 5 %, "
          "floor 2.5 % | worse at 5 % |\n| --- | --- | --- | --- | --- | --- |")
    for slowdown in SLOWDOWNS:
        metric = ["--metrics", "decode/token_latency"]
        candidate = f"fixture:slowdown={slowdown}"
        gate = [assay.compare(name, "dense", candidate, *metric)[0] for name in names]
        five = [assay.compare(name, "dense", candidate, *metric, "--threshold", "5", "--floor",
                              "2.5")[0] for name in names]
        seen = sorted(100 * (row["paired_effect"] - 1) for row in gate)
        worse = sum(row["verdict"] == "worse" for row in five)
        print(f"| +{100 * float(slowdown):g} % | {len(names)} | {seen[0]:+.1f} / "
              f"{seen[len(seen) // 2]:+.1f} / {seen[-1]:+.1f} % | {verdicts(gate)} | "
              f"{verdicts(five)} | {100 * worse / len(names):.0f} % |")


def summarise_items(assay: Assay) -> None:
    """One line a loss."""
    print("\n| loss | sets of 1,000 | answers that differ | verdicts at 1 point |\n"
          "| --- | --- | --- | --- |")
    for loss in LOSSES:
        rows = assay.compare("items", "dense", f"fixture:wrong_share={loss}", "--metrics", "acc")
        flips = sum(row["flips"]["rate"] for row in rows) / len(rows)
        print(f"| {100 * float(loss):g} points | {len(rows)} | {100 * flips:.1f} % | "
              f"{verdicts(rows)} |")


def main() -> None:
    """See above."""
    parser = arguments(__doc__, "faults.db")
    parser.add_argument("--trials", type=int, default=20, help="sessions with all slowdowns")
    options = parser.parse_args()
    assay = Assay(options.build, options.db)
    slow = slow_trials(options.model, options.profile, options.processes, options.trials)
    items = item_trials(options.model, options.profile)
    if not options.summary:
        run_pieces(assay, slow + items, options.minutes)
    done = assay.done()
    names = [trial.name for trial in slow if trial.name in done]
    if names:
        summarise_times(assay, names)
    if "items" in done:
        summarise_items(assay)


if __name__ == "__main__":
    main()
