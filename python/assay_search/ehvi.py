"""Bayesian search for two objectives: Optuna's GPSampler with its expected hypervolume improvement.

What it suggests is a function of the seed and the history: every question gets a study and a
sampler of its own, because a sampler carries the fit of one question over to the next.
"""

import math
import random
import warnings

import optuna
from optuna.distributions import IntDistribution
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, create_trial

_FIRST_SEED_TOO_LARGE = 2**32


def library() -> str:
    return f"optuna {optuna.__version__}"


class Suggester:
    """Points are lists of indices, below `counts` each; both objectives are minimised."""

    def __init__(self, counts: list[int], seed: int):
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._distributions = {
            f"axis{i}": IntDistribution(0, count - 1) for i, count in enumerate(counts)
        }
        self._seed = seed
        self._trials: list[FrozenTrial] = []

    def tell(self, point: list[int], objectives: list[float]) -> None:
        """A failed candidate has infinite objectives; the sampler takes them as its worst."""
        if any(math.isnan(value) for value in objectives):
            raise ValueError("NaN is no objective")
        params = dict(zip(self._distributions, point, strict=True))
        self._trials.append(
            create_trial(params=params, distributions=self._distributions, values=objectives)
        )

    def suggest(self) -> list[int]:
        study = optuna.create_study(directions=["minimize", "minimize"], sampler=self._sampler())
        study.add_trials(self._trials)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of infinite objectives
            params = study.ask(self._distributions).params
        return [params[name] for name in self._distributions]

    def _sampler(self) -> GPSampler:
        chosen = random.Random(f"{self._seed} {len(self._trials)}")
        seed = chosen.randrange(_FIRST_SEED_TOO_LARGE)
        # The first points come from the searcher: none are left to the sampler's own start.
        return GPSampler(seed=seed, n_startup_trials=1)
