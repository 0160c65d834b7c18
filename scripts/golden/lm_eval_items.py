"""Per-item log-likelihoods of lm-evaluation-harness, run offline on local copies of the data.

The task files of the package itself are used: rows are turned back into the columns that they
expect, and only the source of the data is replaced. Run with the peers' Python:

  python scripts/golden/lm_eval_items.py --model DIR --data $ASSAY_DATA --limit 200 --out FILE

The result holds, for each task, one list of log-likelihoods an item (of the candidates in order;
of the last word for LAMBADA, followed by 1 when it is the greedy one), and the summary metrics.
"""

import argparse
import csv
import io
import json
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import lm_eval
import yaml

_TASK_ROOT = Path(lm_eval.__file__).parent / "tasks"


def _piqa(row):
    goal = row["query"].removeprefix("Question: ").removesuffix("\n")
    return {
        "goal": goal,
        "sol1": row["choices"][0],
        "sol2": row["choices"][1],
        "label": row["gold"],
    }


def _labelled(row):
    labels = ["A", "B", "C", "D", "E"][: len(row["choices"])]
    return {
        "choices": {"text": row["choices"], "label": labels},
        "answerKey": labels[row["gold"]],
    }


def _arc(row):
    return {"question": row["query"].removeprefix("Question: "), **_labelled(row)}


def _openbookqa(row):
    return {"question_stem": row["query"], **_labelled(row)}


def _copa(row):
    premise, connective = row["query"].rsplit(" ", 1)
    return {
        "premise": premise + ".",
        "question": {"because": "cause", "therefore": "effect"}[connective],
        "choice1": row["choices"][0],
        "choice2": row["choices"][1],
        "label": row["gold"],
    }


def _boolq(row):
    passage, question = row["query"].removeprefix("Passage: ").rsplit("\nQuestion: ", 1)
    return {"passage": passage, "question": question.removesuffix("?"), "label": row["gold"]}


def _winogrande(row):
    first, second = row["context_options"]
    common = next(
        (i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
    return {
        "sentence": f"{first[:common]}_ {row['continuation']}",
        "option1": first[common:],
        "option2": second[common:],
        "answer": str(row["gold"] + 1),
    }


def _lambada(row):
    return {"text": f"{row['context']} {row['continuation']}"}


# Name of the task: its file, the raw file, the split that is scored, the row converter.
_TASKS = {
    "piqa": ("piqa/piqa.yaml", "piqa.jsonl", "validation", _piqa),
    "arc_easy": ("arc/arc_easy.yaml", "arc_easy.jsonl", "test", _arc),
    "openbookqa": ("openbookqa/openbookqa.yaml", "openbook_qa.jsonl", "test", _openbookqa),
    "copa": ("super_glue/copa/default.yaml", "copa.jsonl", "validation", _copa),
    "boolq": ("super_glue/boolq/default.yaml", "boolq.jsonl", "validation", _boolq),
    "winogrande": ("winogrande/default.yaml", "winogrande.jsonl", "validation", _winogrande),
    "lambada_openai": ("lambada/lambada_openai.yaml", "lambada_openai.jsonl", "test", _lambada),
}


def _write_rows(path: Path, rows: list[dict]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def _write_task(folder: Path, name: str, include: str, files: dict[str, str]) -> str:
    """A task file that differs from the package's own one in the source of the data alone."""
    local = f"local_{name}"
    task = {
        "include": str(_TASK_ROOT / include),
        "task": local,
        "dataset_path": "json",
        "dataset_name": None,
        "dataset_kwargs": {"data_files": files},
        "tag": None,
    }
    if "train" not in files:
        task["training_split"] = None
    if "validation" not in files:
        task["validation_split"] = None
    (folder / f"{local}.yaml").write_text(yaml.safe_dump(task))
    return local


def _prepare(folder: Path, data: Path, name: str, limit: int) -> str:
    include, raw, split, convert = _TASKS[name]
    lines = (data / "lm_eval" / raw).read_text(encoding="utf-8").split("\n")
    rows = [convert(json.loads(line)) for line in lines if line][:limit]
    return _write_task(folder, name, include, {split: _write_rows(folder / f"{name}.jsonl", rows)})


def _mmlu_rows(path: Path) -> list[dict]:
    table = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
    return [
        {
            "question": row["question"],
            "choices": [row[f"choice{i}"] for i in range(4)],
            "answer": int(row["answer"]),
        }
        for row in table
    ]


def _prepare_mmlu(folder: Path, data: Path, subject: str, limit: int) -> str:
    files = {}
    for split, kept in (("dev", None), ("test", limit)):
        rows = _mmlu_rows(data / "mmlu" / split / f"{subject}_{split}.csv")[:kept]
        files[split] = _write_rows(folder / f"{subject}_{split}.jsonl", rows)
    return _write_task(folder, f"mmlu_{subject}", f"mmlu/default/mmlu_{subject}.yaml", files)


def _likelihoods(sample: dict) -> list[float]:
    responses = sample["filtered_resps"]
    if len(responses) == 1:
        value, greedy = responses[0]
        return [round(float(value), 5), int(greedy)]
    return [round(float(value), 5) for value, _ in responses]


def _evaluate(model, folder: Path, name: str, shots: int, batch: int) -> dict:
    start = time.monotonic()
    results = lm_eval.simple_evaluate(
        model=model,
        tasks=[name],
        num_fewshot=shots,
        batch_size=batch,
        log_samples=True,
        bootstrap_iters=0,
        task_manager=lm_eval.tasks.TaskManager(include_path=str(folder)),
        verbosity="ERROR",
    )
    samples = sorted(results["samples"][name], key=lambda sample: sample["doc_id"])
    metrics = {
        key.removesuffix(",none"): value
        for key, value in results["results"][name].items()
        if key.endswith(",none") and isinstance(value, float) and "stderr" not in key
    }
    print(
        f"{name}: {metrics}, {len(samples)} items in {time.monotonic() - start:.1f} s", flush=True
    )
    return {"metrics": metrics, "items": [_likelihoods(sample) for sample in samples]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tasks", default=",".join(_TASKS))
    parser.add_argument("--mmlu", default="", help="subjects, five-shot, separated by commas")
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    from lm_eval.models.huggingface import HFLM

    model = HFLM(str(options.model), device="cpu", dtype="float32", batch_size=options.batch)
    document = {"model": options.model.name, "lm_eval": version("lm_eval"), "tasks": {}}
    document["transformers"] = version("transformers")
    document["limit"] = options.limit
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in filter(None, options.tasks.split(",")):
            local = _prepare(folder, options.data, name, options.limit)
            document["tasks"][name] = _evaluate(model, folder, local, 0, options.batch)
        for subject in filter(None, options.mmlu.split(",")):
            local = _prepare_mmlu(folder, options.data, subject, options.limit)
            document["tasks"][f"mmlu_{subject}"] = _evaluate(model, folder, local, 5, options.batch)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
