"""Writes MODEL, a folder with a BERT classifier, as ONNX files for scripts/peers/classify.py.

    write_onnx.py MODEL OUT

OUT/plain.onnx takes token ids alone, as the side of transformers does, and is left to the session's
own optimisations. OUT/fused.onnx takes a mask too, because only so ONNX Runtime's optimiser for
BERT recognises attention and replaces it by its fused operator. Which one is faster depends on the
shape; both are measured.

Exported by torch.onnx's TorchScript path: graphs of the newer one (dynamo) are not recognised by
the optimiser, and were no faster.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
import transformers as hf
from onnxruntime.transformers import optimizer


class Scores(torch.nn.Module):
    """The model as a function of positional arguments."""

    def __init__(self, model: hf.PreTrainedModel):
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.model(input_ids=ids, attention_mask=mask).logits


def export(model: torch.nn.Module, names: list[str], file: Path) -> None:
    ids = torch.randint(1000, 2000, (2, 16))
    given = (ids, torch.ones_like(ids))[: len(names)]
    axes = {name: {0: "batch", 1: "length"} for name in names} | {"logits": {0: "batch"}}
    with torch.no_grad():
        torch.onnx.export(
            model,
            given,
            file,
            dynamo=False,
            opset_version=17,
            input_names=names,
            output_names=["logits"],
            dynamic_axes=axes,
        )


def fuse(source: Path, target: Path, config: hf.PreTrainedConfig) -> None:
    fused = optimizer.optimize_model(
        str(source),
        model_type="bert",
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
    )
    found = fused.get_fused_operator_statistics()
    if found["Attention"] != config.num_hidden_layers:
        raise SystemExit(f"the optimiser recognised {json.dumps(found)}")
    fused.save_model_to_file(str(target))


def main() -> None:
    """Both files."""
    warnings.simplefilter("ignore")
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    hf.utils.logging.disable_progress_bar()
    loaded = hf.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    )
    model = Scores(loaded.eval()).eval()
    export(model, ["ids"], out / "plain.onnx")
    export(model, ["ids", "mask"], out / "masked.onnx")
    fuse(out / "masked.onnx", out / "fused.onnx", loaded.config)
    (out / "masked.onnx").unlink()


if __name__ == "__main__":
    main()
