"""Runs assay and its peers alternately on this machine and writes the table.

Both sides load first and wait; then they take turns A B B A, so that drift of the machine hits both.
A figure is the median of a side's rounds. The ratio is the median of the ratios of neighbouring
rounds, given with the smallest and the largest.
"""

import argparse
import dataclasses
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from rounds import Side

HERE = Path(__file__).resolve().parent
WINDOW = 2048
PROMPT, NEW = 128, 64


@dataclasses.dataclass
class Contest:
    """One row of the table."""

    title: str
    unit: str
    dtype: str
    peer: str
    target: float
    ours: list[str]
    theirs: list[str]
    our_rate: Callable[[dict[str, Any]], float]
    their_rate: Callable[[dict[str, Any]], float]
    check: Callable[[dict[str, Any], dict[str, Any]], str]


@dataclasses.dataclass
class Outcome:
    """What a contest gave."""

    contest: Contest
    ours: list[float]
    theirs: list[float]
    note: str

    def ratios(self) -> list[float]:
        """Of rounds that were neighbours in time."""
        return [a / b for a, b in zip(self.ours, self.theirs, strict=True)]


def compete(contest: Contest, blocks: int) -> Outcome:
    """Loads both, warms both up with one round each, then runs `blocks` times A B B A."""
    environment = dict(os.environ, TOKENIZERS_PARALLELISM="false", HF_HUB_OFFLINE="1")
    ours = Side("assay", contest.ours, environment)
    theirs = Side(contest.peer, contest.theirs, environment)
    note = contest.check(ours.round(), theirs.round())
    fast: list[float] = []
    slow: list[float] = []
    for _ in range(blocks):
        for order in ((ours, theirs), (theirs, ours)):
            for side in order:
                result = side.round()
                if side is ours:
                    fast.append(contest.our_rate(result))
                else:
                    slow.append(contest.their_rate(result))
    ours.close()
    theirs.close()
    return Outcome(contest, fast, slow, note)


class Bench:
    """Makes the contests out of the options."""

    def __init__(self, options: argparse.Namespace, scratch: Path):
        self._options = options
        self._scratch = scratch
        self._tokens = options.stream / "tokens.bin"

    def _assay(self, dtype: str, suite: str, data: Path | None, params: dict) -> list[str]:
        command = [str(self._options.program), "--model", str(self._options.model)]
        command += ["--dtype", dtype, "--threads", str(self._options.threads)]
        command += ["--suite", suite, "--params", json.dumps(params)]
        return command + (["--data", str(data)] if data else [])

    def _python(self, script: str, *arguments: Any) -> list[str]:
        command = [sys.executable, str(HERE / script), *map(str, arguments)]
        return [*command, "--threads", str(self._options.threads)]

    def perplexity(self, dtype: str) -> Contest:
        """Tokens a second of the usual perplexity pass."""

        windows = self._options.windows

        def check(ours: dict, theirs: dict) -> str:
            a, b = ours["metrics"]["token_ppl"], theirs["perplexity"]
            return f"perplexity {a:.4f} against {b:.4f}"

        common = ["--model", self._options.model, "--dtype", dtype, "--tokens", self._tokens]
        sizes = ["--window", WINDOW, "--windows", windows]
        return Contest(
            title=f"perplexity pass, {windows} x {WINDOW} tokens",
            unit="tokens/s",
            dtype=dtype,
            peer="transformers",
            target=1.3,
            ours=self._assay(
                dtype, "token_ppl", self._options.stream, {"window": WINDOW, "limit": windows}
            ),
            theirs=self._python("side_transformers.py", "perplexity", *common, *sizes),
            our_rate=lambda r: WINDOW * windows / r["seconds"],
            their_rate=lambda r: WINDOW * windows / r["seconds"],
            check=check,
        )

    def decode(self, dtype: str, peer: str) -> Contest:
        """Tokens a second after the first one, batch 1."""
        params = {"batch": 1, "prompt_tokens": PROMPT, "new_tokens": NEW, "measured_calls": 1}
        sizes = ["--prompt", PROMPT, "--new", NEW, "--tokens", self._tokens]
        if peer == "llama.cpp":
            theirs = self._python("side_llama_cpp.py", "--gguf", self._gguf(dtype), *sizes)
        else:
            common = ["--model", self._options.model, "--dtype", dtype]
            theirs = self._python("side_transformers.py", "generate", *common, *sizes)
        return Contest(
            title=f"decode, batch 1, {PROMPT} + {NEW} tokens",
            unit="tokens/s",
            dtype=dtype,
            peer=peer,
            target=1.0 if peer == "llama.cpp" else 1.5,
            ours=self._assay(dtype, "decode", None, params),
            theirs=theirs,
            our_rate=lambda r: (NEW - 1) / sum(r["samples"]["decode/token_latency"]),
            their_rate=lambda r: (NEW - 1) / r["decode_seconds"],
            check=lambda ours, theirs: "",
        )

    def choice(self, dtype: str, batch_size: str) -> Contest:
        """Items a second of PIQA."""

        def check(ours: dict, theirs: dict) -> str:
            a, b = ours["metrics"], theirs
            return (
                f"acc {a['acc']:.3f} against {b['acc']:.3f}, "
                f"acc_norm {a['acc_norm']:.3f} against {b['acc_norm']:.3f}"
            )

        items = self._options.limit
        common = ["--model", self._options.model, "--dtype", dtype, "--limit", items]
        more = ["--data", self._options.piqa, "--batch-size", batch_size]
        return Contest(
            title=f"PIQA, first {items} items",
            unit="items/s",
            dtype=dtype,
            peer=f"lm-eval, batch size {batch_size}",
            target=2.0,
            ours=self._assay(dtype, "multiple_choice", self._options.items, {"limit": items}),
            theirs=self._python("side_lm_eval.py", *common, *more),
            our_rate=lambda r: items / r["seconds"],
            their_rate=lambda r: items / r["seconds"],
            check=check,
        )

    def _gguf(self, dtype: str) -> Path:
        path = self._scratch / f"{dtype}.gguf"
        if not path.exists():
            command = [sys.executable, str(HERE / "write_gguf.py"), "--dtype", dtype]
            command += ["--model", str(self._options.model), "--out", str(path)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return path

    def contests(self) -> list[Contest]:
        """All of them, or those whose name was asked for."""
        rows = []
        for dtype in ("fp32", "bf16"):
            rows.append(("perplexity", lambda d=dtype: self.perplexity(d)))
            rows.append(("decode", lambda d=dtype: self.decode(d, "transformers")))
            rows.append(("decode", lambda d=dtype: self.decode(d, "llama.cpp")))
            for size in self._options.batch_sizes:
                rows.append(("choice", lambda d=dtype, s=size: self.choice(d, s)))
        return [make() for name, make in rows if name in self._options.only]


def row(outcome: Outcome) -> str:
    """One line of the Markdown table."""
    contest, ratios = outcome.contest, outcome.ratios()
    ratio = statistics.median(ratios)
    verdict = "reached" if ratio >= contest.target else "**missed**"
    cells = [
        contest.title,
        contest.dtype,
        contest.peer,
        f"{statistics.median(outcome.ours):.1f} {contest.unit}",
        f"{statistics.median(outcome.theirs):.1f} {contest.unit}",
        f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{contest.target:.1f}, {verdict}",
        outcome.note,
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = """| measured | dtype | peer | assay | peer | ratio (smallest to largest) | target | check |
| --- | --- | --- | --- | --- | --- | --- | --- |"""


def processor() -> str:
    """What /proc/cpuinfo calls it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def preamble(options: argparse.Namespace) -> str:
    """Where and how the table was made."""
    names = ("torch", "transformers", "lm-eval", "llama-cpp-python", "datasets", "tokenizers")
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"""Machine: {processor()}, {os.cpu_count()} processors, {platform.system()} \
{platform.release()}, load averages {load} at the end.
Versions: {versions}. assay: commit {options.commit}.
Model: `{options.model.name}`. Threads: {options.threads} on both sides. \
{2 * options.blocks} rounds of each side in the order A B B A, after one that is not counted.
Command: `scripts/bench_peers {options.arguments}`."""


def parse() -> argparse.Namespace:
    """Command line, as scripts/bench_peers gives it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--stream", type=Path, required=True, help="prepared WikiText-2 test")
    parser.add_argument("--items", type=Path, required=True, help="prepared PIQA validation")
    parser.add_argument("--piqa", type=Path, required=True, help="PIQA as JSON lines")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--windows", type=int, default=2, help="of a perplexity pass")
    parser.add_argument("--limit", type=int, default=200, help="items of PIQA")
    parser.add_argument(
        "--batch-sizes", nargs="+", default=["1", "8", "auto"], help="of lm-evaluation-harness"
    )
    parser.add_argument(
        "--only", nargs="+", default=["perplexity", "decode", "choice"],
        choices=["perplexity", "decode", "choice"],
    )  # fmt: skip
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--arguments", default="", help="what the user typed, for the record")
    parser.add_argument("--out", type=Path, required=True, help="Markdown of the table")
    return parser.parse_args()


def main() -> None:
    """Runs every contest; the table is printed row by row and written at the end."""
    options = parse()
    lines = [HEADER]
    print(HEADER, flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for contest in Bench(options, Path(scratch)).contests():
            lines.append(row(compete(contest, options.blocks)))
            print(lines[-1], flush=True)
    text = preamble(options) + "\n\n" + "\n".join(lines) + "\n"
    options.out.write_text(text)
    print("\n" + preamble(options))


if __name__ == "__main__":
    main()
