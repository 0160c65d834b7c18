"""How lm-evaluation-harness splits a request whose tokens reach over the end of the context.

A byte-level tokenizer whose merges may contain spaces, and pairs of context and continuation that
meet inside its tokens; the package's own code splits them. Run with the peers' Python:

  PYTHONPATH=python/tests python scripts/golden/lm_eval_pairs.py > tests/data/lm_eval/pairs.json
"""

import json
import random
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

from lm_eval.api.model import TemplateLM
from tiny_tokenizer import write_tokenizer
from tokenizers import Tokenizer

_MERGES = [
    ("a", "\u0120"),
    ("b", "\u0120"),
    ("\u0120", "c"),
    ("a\u0120", "b"),
    ("\u0120", "\u0120"),
]
_PAIRS = 200


def _split(tokenizer: Tokenizer, context: str, continuation: str) -> dict:
    model = SimpleNamespace(backend="causal", tok_encode=lambda text: tokenizer.encode(text).ids)
    before, after = TemplateLM._encode_pair(model, context, continuation)
    whole = tokenizer.encode(context + continuation).ids
    return {
        "context": context,
        "continuation": continuation,
        "tokens": whole,
        "scored_from": len(before),
        "scored": after,
        "spans": whole[: len(before)] != before,
    }


def main() -> None:
    draw = random.Random(3)
    with tempfile.TemporaryDirectory() as folder:
        write_tokenizer(Path(folder), merges=_MERGES)
        tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    pairs = []
    while len(pairs) < _PAIRS:
        context = "".join(draw.choices("abc ", k=draw.randint(1, 6)))
        continuation = " " + "".join(draw.choices("abc ", k=draw.randint(1, 3)))
        pair = _split(tokenizer, context, continuation)
        if pair["scored_from"] and pair["scored"]:  # the package asserts both
            pairs.append(pair)
    document = {"lm_eval": version("lm_eval"), "merges": _MERGES, "pairs": pairs}
    json.dump(document, sys.stdout, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
