"""lm-evaluation-harness's side: simple_evaluate over the Hugging Face backend, on local PIQA rows."""

import argparse
import logging
import time
from pathlib import Path
from typing import Any

import lm_eval
import torch
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from rounds import answer_rounds

DTYPES = {"fp32": "float32", "bf16": "bfloat16"}


def piqa(path: Path) -> dict[str, Any]:
    """The task piqa over rows that already hold the question line and both answers."""
    return {
        "task": "piqa_local",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"validation": str(path)}},
        "output_type": "multiple_choice",
        "validation_split": "validation",
        "doc_to_text": "{{query}}Answer:",
        "doc_to_target": "gold",
        "doc_to_choice": "choices",
        "metric_list": [
            {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
            {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
        ],
    }


class TimedModel(HFLM):
    """Adds up the time in the backend alone: reading the data set and statistics do not count."""

    spent = 0.0

    def loglikelihood(self, requests, disable_tqdm: bool = False):
        """As the backend does it, timed."""
        start = time.perf_counter()
        result = super().loglikelihood(requests, disable_tqdm)
        self.spent += time.perf_counter() - start
        return result


def evaluate(model: TimedModel, task: dict[str, Any], limit: int) -> dict[str, Any]:
    """One evaluation of the first `limit` items."""
    model.spent = 0.0
    result = lm_eval.simple_evaluate(
        model=model,
        tasks=[task],
        limit=limit,
        bootstrap_iters=0,
        task_manager=TaskManager(),
        verbosity="ERROR",
    )
    scores = result["results"]["piqa_local"]
    return {
        "seconds": model.spent,
        "acc": scores["acc,none"],
        "acc_norm": scores["acc_norm,none"],
    }


def main() -> None:
    """Loads, then answers rounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--dtype", choices=DTYPES, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="JSON lines of PIQA")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--batch-size", default="1")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    batch_size = options.batch_size
    model = TimedModel(
        pretrained=str(options.model),
        dtype=DTYPES[options.dtype],
        device="cpu",
        batch_size=batch_size if batch_size == "auto" else int(batch_size),
    )
    task = piqa(options.data)
    answer_rounds(lambda: evaluate(model, task, options.limit))


if __name__ == "__main__":
    main()
