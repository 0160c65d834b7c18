"""The views of a results database, its public interface, as DataFrames (docs/python.md)."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from assay.errors import InputError

if TYPE_CHECKING:
    import pandas

Place = str | os.PathLike[str]

_APPLICATION = 1095975257  # "ASAY"
# Numbers that may be missing in every row; then nothing says that they are numbers.
_NUMBERS = ("value", "lo", "hi", "twin_value", "ratio", "score", "nll", "kld")


def _open(database: Place) -> sqlite3.Connection:
    """For reading only. Nothing is made where nothing is, and no other program's file is read."""
    path = Path(database).absolute()
    if not path.is_file():
        raise InputError(f"{database}: no such file; `assay.run` makes one")
    # A file with a log needs side files, which cannot be made here; without one nobody writes, and
    # it is a constant.
    constant = not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists()
    mode = "immutable=1" if constant else "mode=ro"
    connection = sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True)
    try:
        found = connection.execute("PRAGMA application_id").fetchone()[0]
    except sqlite3.DatabaseError as error:
        connection.close()
        raise InputError(f"{database}: cannot be read as a database: {error}") from None
    if found != _APPLICATION:
        connection.close()
        raise InputError(f"{database}: a database, but not one of assay's results")
    return connection


def _names(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view' ORDER BY name")
    return [name for (name,) in rows]


def views(database: Place = "results.db") -> list[str]:
    """Names of all views of a database. Those without a function here are not public."""
    with closing(_open(database)) as connection:
        return _names(connection)


def view(
    name: str, database: Place = "results.db", *, experiment: str | None = None
) -> "pandas.DataFrame":
    """A view as it is, or its rows of one experiment. Texts in JSON (`params`, `suite_params`,
    `extra`) stay texts: equal ones are equal, so they can be grouped by. Raises InputError for a
    file that holds no results, for a view or an experiment that it lacks, and for an experiment of
    a view that does not tell them apart.

    What is read is one moment of a run that goes on.
    """
    import pandas

    with closing(_open(database)) as connection:
        names = _names(connection)
        if name not in names:
            raise InputError(f"{database}: no view '{name}'; there are: {', '.join(names)}")
        query, values = f'SELECT * FROM "{name}"', []
        if experiment is not None:
            _require_column(connection, database, name)
            _require_experiment(connection, database, experiment)
            query, values = query + " WHERE experiment = ?", [experiment]
        frame = pandas.read_sql_query(query, connection, params=values)
    numbers = [column for column in _NUMBERS if column in frame]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _require_column(connection: sqlite3.Connection, database: Place, view_name: str) -> None:
    columns = connection.execute("SELECT name FROM pragma_table_info(?)", [view_name])
    names = [name for (name,) in columns]
    if "experiment" not in names:
        raise InputError(
            f"{database}: view '{view_name}' has no column 'experiment', so it can only be read "
            f"whole; it has: {', '.join(names)}"
        )


def _require_experiment(connection: sqlite3.Connection, database: Place, wanted: str) -> None:
    rows = connection.execute("SELECT DISTINCT experiment FROM results ORDER BY experiment")
    names = [name for (name,) in rows]
    if wanted not in names:
        raise InputError(f"{database}: no experiment '{wanted}'; there are: {', '.join(names)}")


def results(database: Place = "results.db", *, experiment: str | None = None) -> "pandas.DataFrame":
    """One row for each metric of each cell that is OK, and one without metric for each that is not:
    `status` and `reason` say why."""
    return view("results", database, experiment=experiment)


def results_history(
    database: Place = "results.db", *, experiment: str | None = None
) -> "pandas.DataFrame":
    """`results` of every plan that was ever made, not only of the newest of each name."""
    return view("results_history", database, experiment=experiment)


def raw_samples(
    database: Place = "results.db", *, experiment: str | None = None
) -> "pandas.DataFrame":
    """One row for each raw time and other value that a process measured."""
    return view("raw_samples", database, experiment=experiment)


def item_scores(
    database: Place = "results.db", *, experiment: str | None = None
) -> "pandas.DataFrame":
    """One row for each question or window that was scored."""
    return view("item_scores", database, experiment=experiment)


def remarks(database: Place = "results.db", *, experiment: str | None = None) -> "pandas.DataFrame":
    """What was said about cells: altered data, unsteady machines, wide intervals."""
    return view("remarks", database, experiment=experiment)


def harness_overhead(
    database: Place = "results.db", *, experiment: str | None = None
) -> "pandas.DataFrame":
    """Where the time of an experiment's processes went, in seconds."""
    return view("harness_overhead", database, experiment=experiment)
