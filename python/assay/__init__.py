"""Runs `assay`, and reads what it measured as pandas DataFrames.

    import assay

    run = assay.run(models="smollm2-135m", methods="wanda:sparsity=0.5", suites="news-ppl")
    run.results()                     # one row for each metric of each cell
    assay.results("results.db")       # likewise, of a file that is there

The programs do the work, and the views of the database are the interface (docs/python.md): nothing
is computed here. An error of a program becomes an `AssayError`; the exit codes that are results
(1 worse, 3 not measured, 4 not to be told) stand in `exit_code` of what is returned.
"""

# The command `assay` passes through here on its way to the program: what takes time to load is
# loaded when it is asked for.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from assay.commands import Comparison, Run, compare, report, run
    from assay.database import (
        harness_overhead,
        item_scores,
        raw_samples,
        remarks,
        results,
        results_history,
        view,
        views,
    )
    from assay.errors import AssayError, InputError, Interrupted, MachineError
    from assay.programs import Answer, call

__all__ = [
    "Answer",
    "AssayError",
    "Comparison",
    "InputError",
    "Interrupted",
    "MachineError",
    "Run",
    "call",
    "compare",
    "harness_overhead",
    "item_scores",
    "raw_samples",
    "remarks",
    "report",
    "results",
    "results_history",
    "run",
    "view",
    "views",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        from importlib import import_module

        for module in ("commands", "database", "errors", "programs"):
            place = import_module(f"assay.{module}")
            if hasattr(place, name):
                return getattr(place, name)
    raise AttributeError(f"module 'assay' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
