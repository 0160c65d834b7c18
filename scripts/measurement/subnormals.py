"""Does a model with subnormal weights still make pruning look fast?

Copies a model with every tenth weight made subnormal (its exponent set to zero), times decoding of the dense
copy and of the copy pruned of exactly these weights, and of the original beside them. Without flush-to-zero
the dense copy takes many times as long as the pruned one; with it all three take the same time.

  scripts/measurement/subnormals.py --model FOLDER [--worker PROGRAM] [--nth 10]
"""

import argparse
import array
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def make_subnormal(file: Path, nth: int) -> float:
    """Sets the exponent of every nth weight of the matrices to zero; their share among all weights."""
    content = bytearray(file.read_bytes())
    length = int.from_bytes(content[:8], "little")
    begin, changed, total = 8 + length, 0, 0
    for name, entry in json.loads(content[8:begin]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise SystemExit(f"{file}: tensor '{name}' is {entry['dtype']}; give a model in F32")
        first, last = (begin + offset for offset in entry["data_offsets"])
        words = array.array("I", bytes(content[first:last]))
        total += len(words)
        if len(entry["shape"]) == 2:
            for i in range(0, len(words), nth):
                words[i] = words[i] & 0x807FFFFF | 1
                changed += 1
        content[first:last] = words.tobytes()
    file.write_bytes(content)
    return changed / total


def experiment(folders: list[Path], nth: int) -> str:
    """Dense and pruned on every folder."""
    models = "".join(f'[[model]]\nid = "{folder}"\n' for folder in folders)
    return (f'[experiment]\nname = "subnormals"\nprofiles = ["cpu-1thread"]\n{models}'
            f'[[method]]\nid = "dense"\n[[method]]\nid = "magnitude"\nsparsity = {1 / nth}\n'
            '[[suite]]\nid = "decode"\nprompt_tokens = 16\nnew_tokens = 32\n'
            "[measure]\nprocesses_per_arm = 3\n")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    parser.add_argument("--model", type=Path, required=True, help="folder with weights in F32")
    parser.add_argument("--worker", type=Path, help="another assay-worker, say one of an older commit")
    parser.add_argument("--nth", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / "as-it-is", Path(scratch) / "subnormal"]
        for folder in folders:
            shutil.copytree(options.model, folder)
        share = make_subnormal(folders[1] / "model.safetensors", options.nth)
        file, database = Path(scratch) / "experiment.toml", Path(scratch) / "results.db"
        file.write_text(experiment(folders, options.nth))
        environment = dict(os.environ)
        if options.worker:
            environment["ASSAY_WORKER"] = str(options.worker)
        subprocess.run([str(options.build / "bin/assay"), "run", str(file), "--db", str(database)],
                       env=environment, check=True, stdout=subprocess.DEVNULL)
        rows = sqlite3.connect(database).execute(
            "SELECT model, method, value, ratio FROM results WHERE metric = 'decode/token_latency' "
            "ORDER BY model, method").fetchall()
        remarks = sqlite3.connect(database).execute(
            "SELECT DISTINCT model, method, text FROM remarks WHERE code = 'model_subnormals'")
        print(f"every {options.nth}th weight of the matrices subnormal: {100 * share:.1f} % of all\n")
        print("| model | method | ms a token | of dense |\n| --- | --- | --- | --- |")
        for model, method, value, ratio in rows:
            print(f"| {Path(model).name} | {method} | {1e3 * value:.3f} | {ratio:.2f} |")
        for model, method, text in remarks:
            print(f"\n{Path(model).name}, {method}: {text}")


if __name__ == "__main__":
    main()
