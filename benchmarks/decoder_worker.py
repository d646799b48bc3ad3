"""One decoder on one set of posteriors, in a process of its own: run by benchmarks/decoder.py, of any Python.

    python benchmarks/decoder_worker.py DECODER POSTERIORS.npz --beam 30 --budget 10

Prints one line of JSON: label sequences, CPU and wall seconds, frames, megabytes. Needs numpy and what the decoder
needs.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

TOP_K = 40
SIGN = 0x4E00  # peers that want a character for each unit get one

Prepare = Callable[[np.ndarray], Any]  # the posteriors as the decoder takes them; not timed
Decode = Callable[[Any], Sequence[int]]


def signs(V: int, blank: str) -> list[str]:
    return [blank, *(chr(SIGN + unit) for unit in range(1, V))]


def ids_of(text: str) -> list[int]:
    return [ord(sign) - SIGN for sign in text]


def vocabulary(V: int) -> list[str]:
    return ["<blank>", *(f"u{unit}" for unit in range(1, V))]


def ctc_decode(
    V: int, beam: int, engine: Literal["compiled", "numpy"] = "compiled", hotwords: int = 0
) -> tuple[Prepare, Decode]:
    from ctc_decode import BeamSearchDecoder

    units = vocabulary(V)
    phrases = None
    if hotwords:
        rng = np.random.default_rng(1)
        phrases = [" ".join(rng.choice(units[1:], size)) for size in rng.integers(2, 6, hotwords)]
    decoder = BeamSearchDecoder(units, beam_width=beam, top_k=TOP_K, hotwords=phrases, engine=engine)
    return (lambda array: array[None]), (lambda array: decoder.decode(array, [array.shape[1]])[0][0].ids)


def ctc_beam_decoder(V: int, beam: int) -> tuple[Prepare, Decode]:
    from ctc_beam_decoder import build_ctcdecoder

    decoder = build_ctcdecoder(signs(V, ""))
    return (lambda array: array), (lambda array: ids_of(decoder.decode_beams(array, beam_width=beam)[0][0]))


def pyctcdecode(V: int, beam: int) -> tuple[Prepare, Decode]:
    import logging

    from pyctcdecode import build_ctcdecoder

    logging.disable()
    decoder = build_ctcdecoder(signs(V, ""))
    return (lambda array: array), (lambda array: ids_of(decoder.decode_beams(array, beam_width=beam)[0][0]))


def flashlight(V: int, beam: int) -> tuple[Prepare, Decode]:
    from flashlight.lib.text.decoder import CriterionType, LexiconFreeDecoder, LexiconFreeDecoderOptions, ZeroLM

    options = LexiconFreeDecoderOptions(
        beam_size=beam, beam_size_token=TOP_K, beam_threshold=1e9, lm_weight=0.0, sil_score=0.0, log_add=True,
        criterion_type=CriterionType.CTC,
    )  # fmt: skip
    decoder = LexiconFreeDecoder(options, ZeroLM(), -1, 0, [])

    def decode(array: np.ndarray) -> list[int]:
        path = np.array(decoder.decode(array.ctypes.data, *array.shape)[0].tokens)
        return path[(path > 0) & (np.append(True, path[1:] != path[:-1]))].tolist()

    return np.ascontiguousarray, decode


def ctcdecode(V: int, beam: int) -> tuple[Prepare, Decode]:
    import torch
    from ctcdecode import CTCBeamDecoder

    torch.set_num_threads(1)
    decoder = CTCBeamDecoder(
        signs(V, "_"), cutoff_top_n=TOP_K, cutoff_prob=1.0, beam_width=beam, num_processes=1, log_probs_input=True
    )

    def decode(tensor: Any) -> list[int]:
        label_sequences, _, _, lengths = decoder.decode(tensor)
        return label_sequences[0, 0, : int(lengths[0, 0])].tolist()

    return (lambda array: torch.from_numpy(array)[None]), decode


def paddlespeech(V: int, beam: int) -> tuple[Prepare, Decode]:
    from paddlespeech_ctcdecoders import ctc_beam_search_decoding

    units = signs(V, "_")
    # Of its two cuts the one by number works only where the one by probability is on.
    return (
        lambda array: np.exp(array.astype(np.float64)).tolist(),
        lambda rows: ids_of(ctc_beam_search_decoding(rows, units, beam, 1.0 - 1e-7, TOP_K, None, 0)[0][1]),
    )


def fast_ctc_decode(V: int, beam: int) -> tuple[Prepare, Decode]:
    from fast_ctc_decode import beam_search

    units = signs(V, "_")
    return np.exp, lambda array: ids_of(beam_search(array, units, beam, 0.99 / V)[0])  # the largest cut it takes


OURS = ("ctc_decode", "ctc_decode, 10,000 hotwords", "ctc_decode, numpy")
DECODERS: dict[str, Callable[[int, int], tuple[Prepare, Decode]]] = {
    "ctc_decode": ctc_decode,
    "ctc_decode, 10,000 hotwords": lambda V, beam: ctc_decode(V, beam, hotwords=10_000),
    "ctc_decode, numpy": lambda V, beam: ctc_decode(V, beam, engine="numpy"),
    "ctc-beam-decoder": ctc_beam_decoder,
    "ctcdecode": ctcdecode,
    "flashlight-text": flashlight,
    "paddlespeech-ctcdecoders": paddlespeech,
    "pyctcdecode": pyctcdecode,
    "fast-ctc-decode": fast_ctc_decode,
}


def memory(line: str) -> float:
    """Megabytes that this process has (`VmRSS`), or has had at most since `forget_peak` (`VmHWM`)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{line}:")[1].split()[0]) / 1024


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def release(name: str) -> str:
    """The version of a peer as it was installed, or nothing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def one_by_one(name: str, arrays: list[np.ndarray], beam: int, budget: float) -> dict[str, Any]:
    """Decode each utterance; again while the budget of CPU seconds lasts, at most 5 times. The fastest time counts."""
    prepare, decode = DECODERS[name](arrays[0].shape[1], beam)
    forget_peak()
    before = memory("VmRSS")
    inputs = [prepare(array) for array in arrays]
    decode(prepare(arrays[0][:20]))  # what is made at the first call
    best = [float("inf")] * len(arrays)
    answers: list[list[int]] = []
    began = time.process_time()
    for _ in range(5):
        for i, given in enumerate(inputs):
            start = time.process_time()
            if start - began > budget and (len(answers) > i or i):
                break
            answer = list(decode(given))
            best[i] = min(best[i], time.process_time() - start)
            if len(answers) == i:
                answers.append(answer)
    done = len(answers)
    return {
        "answers": [list(map(int, answer)) for answer in answers],
        "cpu": sum(best[:done]),
        "frames": sum(len(array) for array in arrays[:done]),
        "megabytes": memory("VmHWM") - before,
    }


def as_batch(arrays: list[np.ndarray], beam: int, threads: int) -> dict[str, Any]:
    """Decode all utterances in one call on several threads: the fastest of 5 wall times."""
    from ctc_decode import BeamSearchDecoder

    lengths = np.array([len(array) for array in arrays])
    batch = np.zeros((len(arrays), int(lengths.max()), arrays[0].shape[1]), np.float32)
    for row, array in zip(batch, arrays, strict=True):
        row[: len(array)] = array
    decoder = BeamSearchDecoder(
        vocabulary(batch.shape[2]), beam_width=beam, top_k=TOP_K, num_threads=threads, engine="compiled"
    )
    walls = []
    for _ in range(5):
        start = time.perf_counter()
        decoder.decode(batch, lengths)
        walls.append(time.perf_counter() - start)
    return {"wall": min(walls), "frames": int(lengths.sum())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("decoder", choices=sorted(DECODERS))
    parser.add_argument("posteriors", type=Path)
    parser.add_argument("--beam", type=int, required=True)
    parser.add_argument("--budget", type=float, default=10.0)
    parser.add_argument("--gigabytes", type=float, default=6.0)
    parser.add_argument("--threads", type=int, default=0, help="decode one batch on so many threads")
    arguments = parser.parse_args()
    limit = int(arguments.gigabytes * 2**30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.path.append(str(Path(__file__).resolve().parent.parent))
    with np.load(arguments.posteriors) as file:
        arrays = [file[f"logp_{i}"] for i in range(len([name for name in file if name.startswith("logp_")]))]
    if arguments.threads:
        result = as_batch(arrays, arguments.beam, arguments.threads)
    else:
        result = one_by_one(arguments.decoder, arrays, arguments.beam, arguments.budget)
    print(json.dumps({**result, "version": release(arguments.decoder)}))


if __name__ == "__main__":
    main()
