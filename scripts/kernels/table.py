"""Medians of kernel_benchmark as a Markdown table between the marks of a document."""

import argparse
import json
import pathlib
import platform
import statistics

BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
HEAD = """| kernel | matrix | weights | activation rows | time, us | fastest | GB/s | of the bandwidth | times the bf16 GEMV |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
WIDTH_OF_TYPE = {32: "fp32", 16: "bf16"}


def medians(results):
    """name -> (seconds, bytes a second or 0, least seconds)."""
    runs = {}
    for run in results["benchmarks"]:
        if run["run_type"] == "iteration":
            runs.setdefault(run["run_name"], []).append(run)
    scale = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
    found = {}
    for name, repeated in runs.items():
        times = [r["real_time"] * scale[r["time_unit"]] for r in repeated]
        rate = statistics.median(r.get("bytes/s", 0) for r in repeated)
        found[name] = (statistics.median(times), rate, min(times))
    return found


def fields(name):
    """'packed_product/rows:4096/.../real_time' -> ('packed_product', {'rows': 4096, ...})."""
    kernel, *rest = name.split("/")
    return kernel, {
        key: int(value)
        for key, value in (part.split(":") for part in rest if ":" in part)
    }


def weights_of(kernel, args):
    if "share" in args and kernel == "select_outside":
        return f"{args['share'] / 10:g} % outside"
    if "share" in args:
        return f"{WIDTH_OF_TYPE[args['bits']]}, {args['share'] / 10:g} % of the rows"
    return WIDTH_OF_TYPE.get(args["bits"], f"{args['bits']} bits")


def row(name, times, bandwidth):
    kernel, args = fields(name)
    seconds, rate, least = times[name]
    shape = f"{args['rows']} x {args['cols']}" if "cols" in args else str(args["rows"])
    dense = times.get(
        f"dense_product/rows:{args['rows']}/cols:{args.get('cols')}/batch:1/bits:16/real_time"
    )
    comparable = dense and args.get("batch", 1) == 1 and args.get("share") != 0
    speed = f"{dense[0] / seconds:.2f}" if comparable else ""
    reads = rate > 0
    cells = [
        kernel,
        shape,
        weights_of(kernel, args),
        str(args.get("batch", 1)),
        f"{seconds * 1e6:.1f}",
        f"{least * 1e6:.1f}",
        f"{rate / 1e9:.1f}" if reads else "",
        f"{100 * rate / bandwidth:.0f} %" if reads else "",
        speed,
    ]
    return "| " + " | ".join(cells) + " |\n"


def render(results, commit, repetitions):
    times, context = medians(results), results["context"]
    bandwidth = times["read_bandwidth/real_time"][1]
    order = [
        "dense_product",
        "packed_product",
        "gathered_product",
        "gathered_accumulate",
        "select_outside",
    ]
    names = sorted(
        (n for n in times if fields(n)[0] in order),
        key=lambda n: (
            order.index(fields(n)[0]),
            sorted(fields(n)[1].items(), reverse=True),
        ),
    )
    load = ", ".join(f"{value:.1f}" for value in context["load_avg"])
    return (
        f"Machine: {processor()}, {context['num_cpus']} processors, {platform.system()} {platform.release()}, "
        f"load averages {load} at the start.\n"
        f"Instruction set: {context['instruction set']}, packed products {context['instruction set of packed products']}. "
        f"Threads: {context['threads']}. assay: commit {commit}.\n"
        f"Medians of {repetitions} repetitions in random order. Read bandwidth by the same program: "
        f"**{bandwidth / 1e9:.1f} GB/s**.\n\n"
        + HEAD
        + "".join(row(name, times, bandwidth) for name in names)
    )


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", type=pathlib.Path)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--repetitions", type=int, required=True)
    parser.add_argument("--document", type=pathlib.Path, required=True)
    args = parser.parse_args()
    table = render(json.loads(args.times.read_text()), args.commit, args.repetitions)
    before, rest = args.document.read_text().split(BEGIN, 1)
    args.document.write_text(
        before + BEGIN + "\n" + table + "\n" + END + rest.split(END, 1)[1]
    )


if __name__ == "__main__":
    main()
