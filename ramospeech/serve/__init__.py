"""Transcription as an HTTP service: `ramospeech serve`, or `create_app` for a server of one's own."""

from ramospeech.serve.app import Limits, create_app
from ramospeech.serve.jobs import BusyError, Job, Jobs

__all__ = ["BusyError", "Job", "Jobs", "Limits", "create_app"]
