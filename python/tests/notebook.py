"""Runs the code of a notebook cell by cell, as Jupyter would, without Jupyter.

    python python/tests/notebook.py NOTEBOOK     runs it and keeps what it showed in the file
"""

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

Cell = dict[str, Any]


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(notebook: dict[str, Any]) -> list[Cell]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _shown(value: object) -> dict[str, list[str]]:
    data = {"text/plain": _lines(repr(value))}
    html = getattr(value, "_repr_html_", lambda: None)()
    return data if html is None else {"text/html": _lines(html), **data}


def run_cell(source: str, names: dict[str, Any], name: str = "cell") -> list[dict[str, Any]]:
    """Runs a cell among `names` and returns its outputs as nbformat 4 has them: what it wrote, and
    the value of its last line when that is an expression. Raises what the cell raises."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    streams = {"stdout": io.StringIO(), "stderr": io.StringIO()}
    value = None
    with (
        contextlib.redirect_stdout(streams["stdout"]),
        contextlib.redirect_stderr(streams["stderr"]),
    ):
        exec(compile(tree, name, "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)
    outputs: list[dict[str, Any]] = [
        {"name": stream, "output_type": "stream", "text": _lines(written.getvalue())}
        for stream, written in streams.items()
        if written.getvalue()
    ]
    if value is not None:
        outputs.append({"data": _shown(value), "metadata": {}, "output_type": "execute_result"})
    return outputs


def run(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Outputs of each code cell, all run in one module's names, in the current folder."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [
        run_cell("".join(cell["source"]), names, f"cell {number}")
        for number, cell in enumerate(code_cells(notebook), start=1)
    ]


def keep(path: Path) -> None:
    """Runs a notebook and writes its outputs into the file."""
    path = path.absolute()
    notebook = read(path)
    for number, (cell, outputs) in enumerate(
        zip(code_cells(notebook), run(notebook), strict=True), start=1
    ):
        for output in outputs:
            if output["output_type"] == "execute_result":
                output["execution_count"] = number
        cell.update(execution_count=number, outputs=outputs)
    text = json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
