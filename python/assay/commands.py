"""The commands that one works with: `run`, `compare` and `report`. Every other one is `call`."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay import database as stored
from assay.programs import Word, call, complaint, execute, options, raise_error

if TYPE_CHECKING:
    import pandas

Place = str | os.PathLike[str]
Words = Word | Iterable[Word]


@dataclass(frozen=True)
class Run:
    """What was asked for and where its results are; the methods read them there.

    `exit_code`: 0, or 3 where some cell could not be measured (`results()` says which and why).
    `document`: the report as `assay report --json` has it. `messages`: what was said meanwhile.
    """

    exit_code: int
    experiment: str
    database: Path
    document: dict[str, Any] = field(repr=False)
    messages: str = field(repr=False)

    def results(self) -> "pandas.DataFrame":
        return stored.results(self.database, experiment=self.experiment)

    def raw_samples(self) -> "pandas.DataFrame":
        return stored.raw_samples(self.database, experiment=self.experiment)

    def item_scores(self) -> "pandas.DataFrame":
        return stored.item_scores(self.database, experiment=self.experiment)

    def remarks(self) -> "pandas.DataFrame":
        return stored.remarks(self.database, experiment=self.experiment)

    def report(self, **more: Any) -> str:
        """The table, as `report` makes it."""
        return report(self.database, experiment=self.experiment, **more)


def run(
    experiment: Place | None = None,
    *,
    models: Words = (),
    methods: Words = (),
    suites: Words = (),
    profiles: Words = (),
    seeds: Words = (),
    calibration: str | None = None,
    dense: bool = True,
    name: str | None = None,
    save: Place | None = None,
    database: Place = "results.db",
    quiet: bool = False,
    **more: Any,
) -> Run:
    """Fits, scores and times what the database does not hold yet: `assay run`.

    What to measure is an experiment file, or models, methods and suites as on the command line
    (`"wanda:sparsity=0.5"`; docs/formats/command_line.md): one text each, or several. `dense`: the
    dense model is added as the twin where no method is dense. `save`: also writes that as a file.
    Other options of the command are keyword arguments (`retry=True`, `fail_fast=True`). Progress
    goes to `sys.stderr`, unless `quiet`.

    Cells that could not be measured are results (`exit_code` 3). Raises InputError, MachineError.
    """
    asked = {
        "model": models,
        "method": methods,
        "suite": suites,
        "profile": profiles,
        "seed": seeds,
        "calibration": calibration,
        "no_dense": not dense,
        "name": name,
        "save": save,
    }
    words = ["run", *([] if experiment is None else [experiment]), *options({**asked, **more})]
    answer = call(*words, f"--db={os.fspath(database)}", quiet=quiet)
    found = _experiment_of(answer.document)
    return Run(answer.exit_code, found, Path(database).absolute(), answer.document, answer.messages)


def _experiment_of(document: dict[str, Any]) -> str:
    """A run reports one experiment, and every experiment has cells."""
    (reported,) = document["experiments"]
    return str(reported["results"][0]["experiment"])


@dataclass(frozen=True)
class Comparison:
    """Verdicts on each metric of each cell: `exit_code` 0 nothing is worse, 1 something is, 3
    something could not be measured or compared, 4 something could not be told."""

    exit_code: int
    document: dict[str, Any] = field(repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each verdict."""
        return dict(self.document["counts"])

    def rows(self) -> "pandas.DataFrame":
        """One row a metric: `verdict`, `effect`, `interval` and what else the JSON of
        docs/formats/comparison.md has."""
        import pandas

        return pandas.DataFrame(self.document["rows"])


def compare(
    base: Place,
    candidate: Place,
    *,
    database: Place | None = None,
    experiment: str | None = None,
    **more: Any,
) -> Comparison:
    """Is `candidate` better, worse, the same as `base`, or not to be told: `assay compare`.

    Both are databases, or, with `database`, experiments, baselines or methods of that one. Other
    options of the command are keyword arguments: `metrics=["decode/*"]`, `threshold=5`.
    """
    words = options({"db": database, "experiment": experiment, **more})
    answer = call("compare", base, candidate, *words, quiet=True)
    return Comparison(answer.exit_code, answer.document)


def report(
    database: Place = "results.db",
    *,
    experiment: str | None = None,
    format: str | None = None,
    output: Place | None = None,
    **more: Any,
) -> str:
    """The tables of a database as text: `assay report`, in the format `terminal`, `md`, `tex`,
    `csv`, `json`, `html`, `junit` or `benchmark`. With `output` they are written to that file
    or folder, in the format of its name, and what is returned is what the command said. Other
    options of the command are keyword arguments: `group_by=["method"]`, `columns=["token_ppl"]`.
    """
    if output is None and format is None:
        format = "terminal"
    words = options({"experiment": experiment, "format": format, "output": output, **more})
    ended = execute(["report", database, *words], quiet=True)
    if ended.exit_code != 0 or complaint(ended.said):
        raise_error(ended)
    return ended.out
