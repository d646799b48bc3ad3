"""Write a model as an ONNX file, which transcribes without torch: waveforms in, log-posteriors out.

    ramospeech export accurate accurate.onnx
    ramospeech export --int8 runs/aishell.safetensors aishell.onnx
    ramospeech transcribe --model accurate.onnx a.wav

The file holds all that transcribing needs: features, network, units and the summary of the training.
"""

import copy
import json
import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from ramospeech import __version__
from ramospeech.cli import Parser
from ramospeech.errors import ModelError, UsageError, extra, program
from ramospeech.files import model_path, onnx_path, whole_file
from ramospeech.model.acoustic import AcousticModel
from ramospeech.model.file import load_model
from ramospeech.model.heads import Head
from ramospeech.model.layers.bfloat16 import Bfloat16Linear
from ramospeech.onnx_model import FORMAT, INPUTS, KEY, OUTPUTS

with extra("onnx"):
    import onnx

OPSET = 17
EXAMPLE = (32_000, 20_000)  # samples of the clips that the network is traced with; others may have any length
QUANTISED = ("MatMul", "LSTM")


def export_onnx(model: AcousticModel, path: str | Path, int8: bool = False) -> None:
    """Write an ONNX file: waveforms (B, S) float32, lengths (B,) int64 -> log_posteriors (B, T', V), frames (B,).

    int8: weights of linear and recurrent layers in 8 bits, activations rounded to 8 bits as they come; features and
    convolutions stay in float32. The file appears whole or not at all. Raises ModelError where it cannot be written,
    for a model without a CTC head, and for one whose layers `optimise_for_inference` has replaced.
    """
    path = Path(path)
    if "ctc" not in model.heads:
        raise ModelError(
            f"{path}: not written, the model has the {', '.join(model.heads)} head only and an ONNX file gives the "
            "posteriors of CTC; train one with --heads ctc attention"
        )
    if any(isinstance(module, Bfloat16Linear) for module in model.modules()):
        raise ModelError(
            f"{path}: not written, the model was made ready for inference here; load it again to export it"
        )
    graph = _graph(model)
    if int8:
        graph = _quantised(graph)
    entry = {
        "format": FORMAT,
        "version": __version__,
        "config": model.config.to_dict(),
        "training": model.summary,
        "inference": {
            "reduction": model.reduction,
            "min_samples": model.min_samples,
            "max_frames": model.max_frames,
            "samples_per_frame": model.features.samples_per_frame,
            "silence": model.silence,
        },
        "int8": int8,
    }
    onnx.helper.set_model_props(graph, {KEY: json.dumps(entry, ensure_ascii=False)})
    graph.producer_name, graph.producer_version = "ramospeech", __version__
    onnx.checker.check_model(graph)
    with whole_file(path, "wb", ModelError, "free some space or choose another name") as file:
        file.write(graph.SerializeToString())


def _graph(model: AcousticModel) -> onnx.ModelProto:
    model = copy.deepcopy(model).cpu().eval()
    for head in model.heads.children():
        assert isinstance(head, Head)
        head.merge_shared_rows()
    lengths = torch.tensor(EXAMPLE)
    axes = {INPUTS[0]: {0: "B", 1: "S"}, INPUTS[1]: {0: "B"}, OUTPUTS[0]: {0: "B", 1: "T"}, OUTPUTS[1]: {0: "B"}}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of branches in a trace: those that an export takes depend on no input
        path = Path(folder) / "float.onnx"
        torch.onnx.export(
            model,
            (torch.zeros(len(EXAMPLE), max(EXAMPLE)), lengths),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_axes=axes,
        )
        return onnx.load(path)


def _quantised(graph: onnx.ModelProto) -> onnx.ModelProto:
    with extra("onnx"):
        from onnxruntime.quantization import QuantType, quantize_dynamic
    features = [node.name for node in graph.graph.node if node.name.startswith("/features")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        logging.disable(logging.WARNING)  # of a pass that finds nothing here
        try:
            # Weights of 7 bits: processors without VNNI add pairs of products in 16 bits, which larger ones overflow.
            quantize_dynamic(
                graph,
                path,
                op_types_to_quantize=list(QUANTISED),
                per_channel=True,
                reduce_range=True,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=features,
            )
        finally:
            logging.disable(logging.NOTSET)
        return onnx.load(path)


@program
def main(argv: Sequence[str] | None = None) -> None:
    """Export a model: `ramospeech export`."""
    about, examples = __doc__.split("\n\n", 1)
    parser = Parser(description=about, epilog=examples)
    parser.add_argument("model", metavar="MODEL", help="accurate, fast, dfcnn, or a file of train.py")
    parser.add_argument(
        "output",
        type=Path,
        nargs="?",
        metavar="OUT",
        help="the file to write, which ends in .onnx (default: beside the model, named as it is)",
    )
    parser.add_argument(
        "--int8",
        action="store_true",
        help="weights of linear and recurrent layers in 8 bits: a third of the size, and faster",
    )
    args = parser.parse_args(argv)
    output = args.output or onnx_path(args.model)
    if output.suffix != ".onnx":
        raise UsageError(f"{output}: the name of an ONNX file ends in .onnx")
    model = load_model(model_path(args.model))
    export_onnx(model, output, args.int8)
    left_out = "; its CTC head only, so for --decoder greedy and beam" if "attention" in model.heads else ""
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB{left_out}")


if __name__ == "__main__":
    raise SystemExit(main())
