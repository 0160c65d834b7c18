"""llama.cpp's side, through llama-cpp-python: greedy generation, the low-level calls only."""

import argparse
import time
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
from rounds import answer_rounds


class Decoder:
    """One context and the calls of a greedy loop."""

    def __init__(self, path: Path, threads: int, capacity: int):
        llama_cpp.llama_backend_init()
        self._model = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        if not self._model:
            raise RuntimeError(f"llama.cpp cannot load {path}")
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = capacity
        params.n_batch = capacity
        params.n_threads = threads
        params.n_threads_batch = threads
        self._context = llama_cpp.llama_init_from_model(self._model, params)
        vocab = llama_cpp.llama_model_get_vocab(self._model)
        self._size = llama_cpp.llama_vocab_n_tokens(vocab)

    def clear(self) -> None:
        """Forgets all tokens."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)

    def next(self, tokens: list[int]) -> int:
        """Runs tokens and returns the most likely next one."""
        array = (llama_cpp.llama_token * len(tokens))(*tokens)
        batch = llama_cpp.llama_batch_get_one(array, len(tokens))
        if llama_cpp.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        logits = llama_cpp.llama_get_logits_ith(self._context, -1)
        return int(np.argmax(np.ctypeslib.as_array(logits, shape=(self._size,))))


def generation(decoder: Decoder, prompt: list[int], new_tokens: int) -> dict[str, Any]:
    """Times the first token and all others apart."""
    decoder.clear()
    start = time.perf_counter()
    chosen = [decoder.next(prompt)]
    first = time.perf_counter() - start
    start = time.perf_counter()
    for _ in range(new_tokens - 1):
        chosen.append(decoder.next(chosen[-1:]))
    return {
        "decode_seconds": time.perf_counter() - start,
        "first_seconds": first,
        "chosen": chosen,
    }


def main() -> None:
    """Loads, then answers rounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--tokens", type=Path, required=True, help="int32 token file")
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--new", type=int, default=64)
    options = parser.parse_args()
    prompt = np.fromfile(options.tokens, dtype="<i4")[: options.prompt].tolist()
    decoder = Decoder(options.gguf, options.threads, options.prompt + options.new)
    answer_rounds(lambda: generation(decoder, prompt, options.new))


if __name__ == "__main__":
    main()
