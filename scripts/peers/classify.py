"""Times batches of an encoder with its classifier: assay against transformers and ONNX Runtime.

    scripts/peers/classify.py --program build/release/bin/peer_rounds --model FOLDER
      [--rounds 6] [--threads 2 1] [--lengths 32 128] [--batches 1 32 128] [--dtypes fp32 bf16]

FOLDER is a BERT, as `assay model import minilm-l6` prints one. It gets a classifier of two labels,
drawn by transformers, and all sides run that. Texts are all of the full length: no side computes
padding or looks for it. Each side times as the suite kind classify_throughput does: warm-up, then
calls for at least `--seconds`, of which the median counts.

All sides are loaded first and then work in turns, A B C D and back, so that drift of the machine
hits all. The ratio is the geometric mean over rounds, with a 95 % interval of t on the logarithm
of the rounds' ratios. ONNX Runtime's processor path has no bfloat16 kernels to speak of: it runs in
fp32, and is compared with either type of assay's. Of its two graphs (write_onnx.py) the one that
was faster in the same rounds is the peer.
"""

import argparse
import dataclasses
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from compare import processor
from rounds import Side

HERE = Path(__file__).resolve().parent
TARGETS = {"transformers": 1.3, "onnxruntime": 1.0}
GRAPHS = ("plain", "fused")
TOLERANCES = {"fp32": 1e-4, "bf16": 2e-2}
# 97.5 % points of t by degrees of freedom.
T_POINTS = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179]
HEAD_SCRIPT = """
import sys, torch, transformers as hf
hf.utils.logging.set_verbosity_error()
hf.utils.logging.disable_progress_bar()
torch.manual_seed(0)
model = hf.AutoModelForSequenceClassification.from_pretrained(sys.argv[1], num_labels=2)
model.float().save_pretrained(sys.argv[2])
"""


@dataclasses.dataclass(frozen=True)
class Shape:
    """What one row of the table is about."""

    threads: int
    dtype: str
    length: int
    batch: int


class Sides:
    """The processes of one number of threads and one type. assay's is started for each shape."""

    def __init__(self, options: argparse.Namespace, scratch: Path, threads: int, dtype: str):
        self._options, self._scratch = options, scratch
        self._threads, self._dtype = threads, dtype
        self._environment = dict(os.environ, HF_HUB_OFFLINE="1", OMP_NUM_THREADS=str(threads))
        self.peers: dict[str, Side] = {}
        if "transformers" in options.peers:
            model = ["--model", scratch / "model", "--dtype", dtype]
            self.peers["transformers"] = self._python("transformers", *model)
        if "onnxruntime" in options.peers:
            for graph in GRAPHS:
                model = ["--model", scratch / f"{graph}.onnx"]
                self.peers[f"onnxruntime {graph}"] = self._python("onnxruntime", *model)

    def _python(self, what: str, *arguments: Any) -> Side:
        command = [sys.executable, HERE / "side_classify.py", what, *arguments]
        command += ["--threads", self._threads]
        return Side(what, list(map(str, command)), self._environment)

    def assay(self, shape: Shape, rules: dict[str, Any]) -> Side:
        """Its program takes the shape when it starts."""
        rules = rules | {"max_seconds": rules["seconds"]}
        command = [self._options.program, "--model", self._scratch / "model"]
        command += ["--dtype", shape.dtype, "--threads", shape.threads]
        command += ["--suite", "classify_throughput", "--params", json.dumps(rules)]
        return Side("assay", list(map(str, command)), self._environment)

    def close(self) -> None:
        """Ends them."""
        for side in self.peers.values():
            side.close()


def compete(sides: Sides, shape: Shape, options: argparse.Namespace) -> dict[str, list[float]]:
    """Latencies of all sides, round by round; the first round is not counted."""
    rules = {
        "batch": shape.batch,
        "length": shape.length,
        "warmup_calls": 1,
        "warmup_seconds": options.warmup_seconds,
        "measured_calls": options.calls,
        "seconds": options.seconds,
    }
    ours = sides.assay(shape, rules)
    order = [("assay", ours), *sides.peers.items()]
    times: dict[str, list[float]] = {name: [] for name, _ in order}
    for count in range(options.rounds + 1):
        for name, side in order if count % 2 == 0 else reversed(order):
            answer = side.round(json.dumps(rules))
            if name == "assay":
                latency = answer["metrics"]["classify/latency"]
            else:
                latency = answer["latency"]
            if count > 0:
                times[name].append(latency)
    ours.close()
    return times


def interval(ratios: list[float]) -> tuple[float, float, float]:
    """Geometric mean, and the 95 % interval of t on the log scale."""
    logs = [math.log(ratio) for ratio in ratios]
    middle = statistics.mean(logs)
    freedom = len(logs) - 1
    point = T_POINTS[freedom - 1] if freedom <= len(T_POINTS) else 2.1
    half = point * statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(middle), math.exp(middle - half), math.exp(middle + half)


def faster_graph(times: dict[str, list[float]]) -> str:
    """The better of ONNX Runtime's."""
    graphs = [name for name in times if name.startswith("onnxruntime")]
    return min(graphs, key=lambda name: statistics.median(times[name]))


def rows(shape: Shape, times: dict[str, list[float]]) -> list[str]:
    """A line of the table for each peer."""
    found = []
    peers = [name for name in times if name == "transformers"]
    if any(name.startswith("onnxruntime") for name in times):
        peers.append(faster_graph(times))
    rate = {name: shape.batch / statistics.median(values) for name, values in times.items()}
    for peer in peers:
        ratio, low, high = interval(
            [theirs / ours for ours, theirs in zip(times["assay"], times[peer], strict=True)]
        )
        target = TARGETS[peer.split()[0]]
        verdict = "reached" if low >= target else "missed" if high < target else "open"
        label = f"{peer}, fp32" if shape.dtype == "bf16" and peer != "transformers" else peer
        cells = [
            shape.threads,
            shape.dtype,
            shape.length,
            shape.batch,
            label,
            f"{rate['assay']:.1f}",
            f"{rate[peer]:.1f}",
            f"{ratio:.2f} [{low:.2f}, {high:.2f}]",
            f"{target:.1f}, {verdict if verdict == 'reached' else f'**{verdict}**'}",
        ]
        found.append("| " + " | ".join(map(str, cells)) + " |")
    return found


HEADER = """| threads | dtype | length | batch | peer | assay, texts/s | peer, texts/s | ratio, 95 % | target |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def preamble(options: argparse.Namespace) -> str:
    """Where and how the table was made."""
    names = ["torch", "transformers", "onnxruntime"]
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in names)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"""Machine: {processor()}, {os.cpu_count()} processors, load averages {load} at the end.
Versions: {versions}. assay: commit {options.commit}. {options.rounds} rounds of each side, after one that \
is not counted; a round has at least {options.calls} calls and {options.seconds} s after {options.warmup_seconds} s."""


def prepare(options: argparse.Namespace, scratch: Path) -> None:
    """The model with a classifier, and its ONNX graphs."""
    folder = scratch / "model"
    subprocess.run([sys.executable, "-c", HEAD_SCRIPT, options.model, folder], check=True)
    if "onnxruntime" in options.peers:
        command = [sys.executable, HERE / "write_onnx.py", folder, scratch]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def check_scores(sides: Sides, shape: Shape) -> None:
    """The peers must compute the same thing, as far as their type allows."""
    rules = {"batch": 1, "length": 2, "warmup_calls": 1, "warmup_seconds": 0}
    rules |= {"measured_calls": 1, "seconds": 0}
    probes = {name: side.round(json.dumps(rules))["probe"] for name, side in sides.peers.items()}
    flat = {name: [x for row in rows for x in row] for name, rows in probes.items()}
    reference = flat.get("onnxruntime plain", next(iter(flat.values())))
    size = math.sqrt(sum(x * x for x in reference))
    for name, scores in flat.items():
        apart = math.dist(scores, reference) / size
        if apart > TOLERANCES[shape.dtype]:
            raise SystemExit(f"{name}: scores are {apart:.1e} (L2, relative) from ONNX Runtime's")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--program", type=Path, required=True, help="bin/peer_rounds of a build")
    parser.add_argument("--model", type=Path, required=True, help="folder of a BERT")
    parser.add_argument("--peers", nargs="+", default=list(TARGETS), choices=list(TARGETS))
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--dtypes", nargs="+", default=["fp32", "bf16"], choices=["fp32", "bf16"])
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32, 128])
    parser.add_argument("--rounds", type=int, default=6, help="counted ones, at least 2")
    parser.add_argument("--calls", type=int, default=3, help="least calls in a round")
    parser.add_argument("--seconds", type=float, default=1.0, help="least seconds in a round")
    parser.add_argument("--warmup-seconds", type=float, default=0.3)
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--out", type=Path, help="Markdown of the table")
    return parser.parse_args()


def main() -> None:
    """Every shape; the table is printed row by row and written at the end."""
    options = parse()
    lines = [HEADER]
    print(HEADER, flush=True)
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        prepare(options, scratch)
        for threads in options.threads:
            for dtype in options.dtypes:
                sides = Sides(options, scratch, threads, dtype)
                check_scores(sides, Shape(threads, dtype, 0, 0))
                for length in options.lengths:
                    for batch in options.batches:
                        shape = Shape(threads, dtype, length, batch)
                        found = rows(shape, compete(sides, shape, options))
                        print("\n".join(found), flush=True)
                        lines += found
                sides.close()
    text = preamble(options) + "\n\n" + "\n".join(lines) + "\n"
    print("\n" + preamble(options))
    if options.out:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
