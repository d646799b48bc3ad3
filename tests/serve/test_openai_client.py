"""The service as OpenAI's official client uses it."""

# ruff: noqa: E402  (what may be missing comes first)
import io
from collections.abc import Iterator

import pytest

pytest.importorskip("fastapi")
openai = pytest.importorskip("openai")
from running import Running
from test_hostile import Length, wav

from ramospeech.serve import create_app


@pytest.fixture(scope="module")
def client() -> Iterator:
    with Running(create_app(Length(), api_key="secret")) as running:  # type: ignore[arg-type]
        yield openai.OpenAI(base_url=running.url + "v1", api_key="secret", max_retries=0)


def create(client, **options):
    file = io.BytesIO(wav(300))
    file.name = "talk.wav"
    return client.audio.transcriptions.create(model="whisper-1", file=file, **options)


def test_json(client) -> None:
    assert create(client, language="zh", temperature=0, prompt="北京").text == "300"


def test_text_and_subtitles(client) -> None:
    assert create(client, response_format="text") == "300\n"
    assert create(client, response_format="srt").startswith("1\n00:00:00,000 --> ")
    assert create(client, response_format="vtt").startswith("WEBVTT\n")


def test_verbose_json_with_words(client) -> None:
    answer = create(client, response_format="verbose_json", timestamp_granularities=["word", "segment"])
    assert answer.duration == 0.3 and answer.words[0].word == "300" and answer.segments[0].text == "300"


def test_a_stream(client) -> None:
    events = list(create(client, stream=True))
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    assert events[-1].text == "300"


def test_errors_are_those_of_the_client(client) -> None:
    with pytest.raises(openai.BadRequestError, match="zh only"):
        create(client, language="en")
    with pytest.raises(openai.AuthenticationError):
        create(client.with_options(api_key="wrong"))
