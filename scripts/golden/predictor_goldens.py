"""Writes tests/data/contextual/predictor_goldens.json.

What SciPy says about rank correlations, and the numbers that torch.nn.Linear starts with. Run it
by hand with the environment of `scripts/setup --peers`; the tests only read the file.
"""

import json
from pathlib import Path

import numpy as np
import scipy
import torch
from scipy import stats

TARGET = Path(__file__).resolve().parents[2] / "tests/data/contextual/predictor_goldens.json"


def correlation(name: str, found: list[float], wanted: list[float]) -> dict:
    result = stats.spearmanr(found, wanted)
    return {
        "name": name,
        "found": found,
        "wanted": wanted,
        "correlation": float(result.statistic),
    }


def correlations() -> list[dict]:
    generator = np.random.default_rng(5)
    noise = [round(float(x), 4) for x in generator.normal(size=60)]
    near = [round(x + float(e), 4) for x, e in zip(noise, generator.normal(size=60), strict=True)]
    coarse = [float(round(x)) for x in noise]
    return [
        correlation("few", [1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 4.0, 3.0, 5.0]),
        correlation("ties", [1.0, 1.0, 2.0, 2.0, 2.0, 9.0], [3.0, 1.0, 1.0, 2.0, 2.0, 0.0]),
        correlation("many", noise, near),
        correlation("many with ties", coarse, near),
    ]


def linear(bias: bool) -> dict:
    inputs, rank, outputs, seed = 24, 5, 7, 11
    torch.manual_seed(seed)
    layers = {
        "first": torch.nn.Linear(inputs, rank, bias=bias),
        "second": torch.nn.Linear(rank, outputs, bias=bias),
    }
    tensors = {
        f"{layer}.{name}": [float(x) for x in value.detach().flatten()]
        for layer, module in layers.items()
        for name, value in module.named_parameters()
    }
    sizes = {"inputs": inputs, "rank": rank, "outputs": outputs, "seed": seed}
    return sizes | {"tensors": tensors}


def main() -> None:
    golden = {
        "versions": {"scipy": scipy.__version__, "torch": torch.__version__},
        "spearman": correlations(),
        "linear": linear(bias=False),
        "linear_with_bias": linear(bias=True),
    }
    TARGET.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
