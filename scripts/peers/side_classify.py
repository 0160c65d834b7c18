"""The side of transformers or of ONNX Runtime in scripts/peers/classify.py: latency of batches.

Each line of standard input is the JSON of a round: batch, length, and the sampling rules of the
suite kind classify_throughput (warmup, warmup_seconds, iterations, seconds). Answers with the
median latency, and with the scores of a fixed batch, so that sides can be compared.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rounds import answer_requests

Classify = Callable[[np.ndarray], np.ndarray]
PROBE_BATCH, PROBE_LENGTH = 4, 24


def transformers_side(options: argparse.Namespace) -> Classify:
    """Token ids alone: without a mask, no padding has to be looked for."""
    import torch
    import transformers as hf

    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    hf.utils.logging.disable_progress_bar()
    model = hf.AutoModelForSequenceClassification.from_pretrained(
        options.model,
        dtype={"fp32": torch.float32, "bf16": torch.bfloat16}[options.dtype],
        attn_implementation="sdpa",
    ).eval()

    def classify(tokens: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(input_ids=torch.from_numpy(tokens)).logits.float().numpy()

    return classify


def onnxruntime_side(options: argparse.Namespace) -> Classify:
    """All optimisations of the session; a mask of ones where the graph asks for one."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(
        str(options.model), settings, providers=["CPUExecutionProvider"]
    )
    masked = any(given.name == "mask" for given in session.get_inputs())

    def classify(tokens: np.ndarray) -> np.ndarray:
        given = {"ids": tokens}
        if masked:
            given["mask"] = np.ones_like(tokens)
        return session.run(None, given)[0]

    return classify


def drawn(batch: int, length: int) -> np.ndarray:
    """Ids that are words in a vocabulary of 30,522."""
    return np.random.default_rng(length).integers(2000, 30000, (batch, length), dtype=np.int64)


def timed(call: Callable[[], Any], least_calls: int, least_seconds: float) -> list[float]:
    """Seconds of each call."""
    times: list[float] = []
    while len(times) < least_calls or sum(times) < least_seconds:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times


def run_round(classify: Classify, request: dict[str, Any]) -> dict[str, Any]:
    """What one round measured."""
    tokens = drawn(request["batch"], request["length"])
    timed(lambda: classify(tokens), request["warmup_calls"], request["warmup_seconds"])
    times = timed(lambda: classify(tokens), request["measured_calls"], request["seconds"])
    probe = classify(drawn(PROBE_BATCH, PROBE_LENGTH))
    return {"latency": statistics.median(times), "calls": len(times), "probe": probe.tolist()}


def main() -> None:
    """Loads, then answers rounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["transformers", "onnxruntime"])
    parser.add_argument("--model", type=Path, required=True, help="a folder, or an ONNX file")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    load = transformers_side if options.what == "transformers" else onnxruntime_side
    classify = load(options)
    answer_requests(lambda line: run_round(classify, json.loads(line)))


if __name__ == "__main__":
    main()
