"""Golden calibration samples: the published drawing loop, run by CPython itself.

Run: python scripts/golden/calibration.py > tests/data/calibration/golden.json
"""

import json
import random


def documents():
    """300 documents of mixed length; token t of document d is 1000 * d + t."""
    lengths = [(37 * d) % 90 for d in range(300)]
    return [[1000 * d + t for t in range(length)] for d, length in enumerate(lengths)]


def sample_documents(seed, samples, tokens):
    """As SparseGPT, Wanda and RIA draw from a list of documents."""
    texts = documents()
    random.seed(seed)
    crops = []
    for _ in range(samples):
        while True:
            text = texts[random.randint(0, len(texts) - 1)]
            if len(text) > tokens:
                break
        start = random.randint(0, len(text) - tokens - 1)
        crops.append(text[start : start + tokens])
    return crops


def sample_stream(seed, samples, tokens):
    """As the same scripts draw from one long text."""
    stream = list(range(5000))
    random.seed(seed)
    crops = []
    for _ in range(samples):
        start = random.randint(0, len(stream) - tokens - 1)
        crops.append(stream[start : start + tokens])
    return crops


def main():
    """Prints the first token of every crop; the rest follows from it."""
    cases = []
    for seed in (0, 42, 1234567890123):
        cases.append(
            {
                "seed": seed,
                "samples": 40,
                "tokens": 64,
                "documents": [crop[0] for crop in sample_documents(seed, 40, 64)],
                "stream": [crop[0] for crop in sample_stream(seed, 40, 64)],
            }
        )
    print(json.dumps(cases, indent=1))


if __name__ == "__main__":
    main()
