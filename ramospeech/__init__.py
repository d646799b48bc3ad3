"""ramospeech: a Mandarin speech recognition toolkit (PyTorch and Horovod)."""

__version__ = "0.1.0"
