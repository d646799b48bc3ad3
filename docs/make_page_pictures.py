"""Pictures of the service's page, docs/page_*.png: sentences of the demo corpus are spoken to it and sent to it.

    python docs/make_page_pictures.py

Needs Chromium and playwright (requirements-dev.txt).
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "serve")]

from running import Running  # noqa: E402

from ramospeech import audio  # noqa: E402
from ramospeech.pipeline import Transcriber  # noqa: E402
from ramospeech.serve import create_app  # noqa: E402

CLIPS = ("test/0002.ogg", "test/0001.ogg", "test/0004.ogg")
SIZES = {"desktop": (1000, 720), "phone": (390, 760)}


def spoken() -> bytes:
    """The sentences with pauses between them, as a WAV file."""
    pause = np.zeros(11_200, np.float32)
    parts = [part for clip in CLIPS for part in (pause, audio.load(ROOT / "demo" / "audio" / clip))]
    file = io.BytesIO()
    soundfile.write(file, np.concatenate([*parts, pause]), audio.SAMPLE_RATE, format="WAV")
    return file.getvalue()


def take(browser, url: str, name: str, size: tuple[int, int], clip: Path) -> None:
    """Write the pictures of one width."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, locale="en", permissions=["microphone"])
    page = context.new_page()

    def picture(state: str) -> None:
        path = ROOT / "docs" / f"page_{name}_{state}.png"
        page.screenshot(path=path)
        Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)  # half the bytes

    page.goto(url)
    page.get_by_role("button", name="Record").wait_for()
    picture("idle")
    page.get_by_role("button", name="Record").click()
    page.wait_for_selector("[data-number='12']", timeout=120_000)  # in the second sentence
    picture("recording")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector("[data-state=done]")
    page.set_input_files("#file", clip)
    page.wait_for_selector(".pictured.playable[data-state=done]")
    page.locator(".syllable").nth(4).click()
    page.wait_for_selector("body.playing")
    page.wait_for_selector("body:not(.playing)")
    picture("result")
    context.close()


def main() -> int:
    with Running(create_app(Transcriber.from_pretrained())) as running, tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "sentences.wav"
        clip.write_bytes(spoken())
        microphone = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={clip}"]
        with sync_playwright() as playwright:
            for name, size in SIZES.items():
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", *microphone]
                )
                take(browser, running.url, name, size, clip)
                browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
