"""ramospeech: a Mandarin speech recognition toolkit (PyTorch and Horovod).

from ramospeech import Transcriber
print(Transcriber.from_pretrained().transcribe("a.wav").text)
"""

from typing import TYPE_CHECKING, Any

from ramospeech.environment import prepare_module

if TYPE_CHECKING:
    from ramospeech.pipeline import Transcriber, Transcript

__version__ = "0.2.0"
__all__ = ["Transcriber", "Transcript", "__version__"]

prepare_module()


def __getattr__(name: str) -> Any:
    """Import the pipeline, and with it torch, only when it is asked for."""
    if name in ("Transcriber", "Transcript"):
        from ramospeech import pipeline

        return getattr(pipeline, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
