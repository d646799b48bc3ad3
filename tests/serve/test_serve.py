"""The service: answers, limits and errors, with a transcriber that needs no model, and once with the shipped one."""

import io
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("fastapi")
from fastapi.testclient import TestClient

from ramospeech import audio
from ramospeech.pipeline import Transcriber
from ramospeech.serve import BusyError, Job, Jobs, Limits, create_app
from ramospeech.transcript import Token, Transcript
from ramospeech.translate import Translation

ROOT = Path(__file__).resolve().parents[2]


class Echo:
    """Hears in each recording its length in tenths of a second; `gate` keeps it waiting between its batches."""

    def __init__(self) -> None:
        self.gate, self.begun = threading.Event(), threading.Event()
        self.gate.set()
        self.rounds: list[int] = []
        self.hotwords: list[object] = []

    def transcribe_batch(
        self,
        sources: Iterable[audio.Source],
        batch_seconds: float | None = None,
        hotwords: Iterable[object] | None = None,
        progress: Callable[[float], object] | None = None,
        speakers: Sequence[Sequence[str]] = (),
    ) -> Iterator[Transcript]:
        sources = list(sources)
        self.rounds.append(len(sources))
        self.hotwords += hotwords or []
        self.begun.set()
        while not self.gate.wait(0.01):
            if progress:
                progress(0.0)
        for source, names in zip_longest(sources, speakers, fillvalue=()):
            seconds = len(audio.load(source)) / 16_000
            if seconds > 9:
                raise RuntimeError("broken")
            text = str(round(10 * seconds))
            who = [names[i % len(names)] if names else None for i in range(len(text))]
            tokens = tuple(
                Token("hao3", digit, 0.1 * i, 0.1 * i + 0.08, 0.9, speaker=who[i]) for i, digit in enumerate(text)
            )
            yield Transcript("x", text, ("hao3",) * len(text), tokens, seconds, nbest=(Translation(text, -1.0),))


def wav(seconds: float, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.random.default_rng(1).standard_normal(round(seconds * rate)), rate, format="WAV")
    return file.getvalue()


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def client(echo: Echo) -> Iterator[TestClient]:
    with TestClient(create_app(echo, Limits(megabytes=1.0, minutes=0.2, timeout=5.0))) as client:
        yield client


def post(client: TestClient, content: bytes, path: str = "/v1/audio/transcriptions", **form: object):
    return client.post(path, files={"file": ("a.wav", content)}, data=form)


def test_json(client: TestClient) -> None:
    answer = post(client, wav(1.2), model="whisper-1", language="zh", temperature=0)
    assert answer.status_code == 200 and answer.json() == {"text": "12"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("text", "12\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:00,833\n12\n\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:00.833\n12\n\n"),
    ],
)
def test_documents(client: TestClient, form: str, expected: str) -> None:
    assert post(client, wav(1.2), response_format=form).text == expected


def test_verbose_json_has_what_is_asked_for(client: TestClient) -> None:
    answer = post(client, wav(1.2), response_format="verbose_json").json()
    assert (answer["duration"], answer["text"], answer["language"]) == (1.2, "12", "chinese")
    assert answer["segments"] == [{"id": 0, "start": 0.0, "end": 0.833, "text": "12"}] and "words" not in answer
    assert answer["syllables"][1] == {"pinyin": "hao3", "hanzi": "2", "start": 0.1, "end": 0.18, "confidence": 0.9}
    words = {"timestamp_granularities[]": ["word"]}
    answer = post(client, wav(1.2), response_format="verbose_json", **words).json()
    assert [word["word"] for word in answer["words"]] == ["12"] and "segments" not in answer


def test_a_stream_ends_with_the_whole_text(client: TestClient) -> None:
    lines = [line for line in post(client, wav(1.2), stream="true").text.splitlines() if line]
    found = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert found == [
        {"type": "transcript.text.delta", "delta": "12"},
        {"type": "transcript.text.done", "text": "12"},
    ]


def test_as_deepspeech(client: TestClient) -> None:
    assert post(client, wav(1.2), "/transcribe").json() == {"status": "OK", "transcription": "12"}


def test_a_prompt_is_hotwords(client: TestClient, echo: Echo) -> None:
    assert post(client, wav(1.0), prompt="北京，肖战").status_code == 200
    assert post(client, wav(1.0)).status_code == 200
    assert echo.hotwords[0] is not None and echo.hotwords[1] is None


def test_who_speaks(client: TestClient) -> None:
    answer = post(client, wav(1.2), response_format="verbose_json", speakers="王, 李").json()
    assert [each["speaker"] for each in answer["syllables"]] == ["王", "李"]
    assert [(each["speaker"], each["text"]) for each in answer["segments"]] == [("王", "1"), ("李", "2")]
    assert "王: 1\n" in post(client, wav(1.2), response_format="srt", speakers="王,李").text
    answer = post(client, wav(1.2), response_format="verbose_json").json()
    assert all("speaker" not in each for each in (*answer["syllables"], *answer["segments"]))


@pytest.mark.parametrize(
    ("content", "form", "status", "words"),
    [
        (b"", {}, 400, "empty"),
        (b"not audio at all" * 50, {}, 400, ""),
        (wav(1.0)[:40], {}, 400, ""),
        (wav(13.0), {}, 413, "minutes of audio"),
        (wav(1.0), {"language": "en"}, 400, "zh only"),
        (wav(1.0), {"response_format": "docx"}, 400, "verbose_json"),
        (wav(1.0), {"timestamp_granularities[]": ["syllable"]}, 400, "segment, word"),
        (wav(1.0), {"prompt": "hello"}, 400, "hotword"),
        (wav(1.0), {"speakers": "1"}, 400, "speakers 1: give 2 to 8 different names"),
        (wav(1.0), {"temperature": "warm"}, 422, "temperature"),
        (b"RIFF" + 2_000_000 * b"0", {}, 413, "1000000 bytes"),
    ],
)
def test_bad_requests_get_a_clear_status_and_line(
    client: TestClient, content: bytes, form: dict, status: int, words: str
) -> None:
    answer = post(client, content, **form)
    message = answer.json()["error"]["message"]
    assert answer.status_code == status and words in message
    assert "Traceback" not in message and "Spooled" not in message
    assert post(client, wav(0.5)).json() == {"text": "5"}  # and the service goes on


def test_a_body_without_a_length_is_counted(client: TestClient) -> None:
    parts = [b"--x\r\nContent-Disposition: form-data; name=file; filename=a.wav\r\n\r\n", *[bytes(100_000)] * 20]
    answer = client.post(
        "/v1/audio/transcriptions", content=iter(parts), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 413


def test_no_file(client: TestClient) -> None:
    answer = client.post("/v1/audio/transcriptions", data={"model": "x"})
    assert answer.status_code == 422 and "file" in answer.json()["error"]["message"]


def test_an_error_within_is_not_the_next_request(client: TestClient) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        post(client, wav(9.5))
    assert post(client, wav(0.5)).json() == {"text": "5"}


def test_a_key_is_asked_for(echo: Echo) -> None:
    with TestClient(create_app(echo, api_key="secret")) as client:
        assert post(client, wav(1.0)).status_code == 401
        assert client.get("/healthz").json() == {"status": "ok"}
        client.headers["Authorization"] = "Bearer secret"
        assert post(client, wav(1.0)).json() == {"text": "10"}


def test_metrics_count_by_status(client: TestClient) -> None:
    post(client, wav(1.0))
    post(client, b"")
    text = client.get("/metrics").text
    assert 'ramospeech_requests_total{status="200"} 1.0' in text
    assert 'ramospeech_requests_total{status="400"} 1.0' in text
    assert "ramospeech_audio_seconds_total 1.0" in text


def job(seconds: float) -> Job:
    return Job(io.BytesIO(wav(seconds)), seconds)


def test_a_full_queue_refuses(echo: Echo) -> None:
    jobs = Jobs(echo, capacity=2)
    echo.gate.clear()
    running = job(0.1)
    jobs.submit(running)
    assert echo.begun.wait(30)
    waiting = [job(0.2), job(0.3)]
    for each in waiting:
        jobs.submit(each)
    with pytest.raises(BusyError):
        jobs.submit(job(0.4))
    echo.gate.set()
    jobs.close()
    assert [each.result.result().text for each in (running, *waiting)] == ["1", "2", "3"]
    assert echo.rounds == [1, 2]  # what waited went together
    with pytest.raises(BusyError):
        jobs.submit(job(0.1))


def test_a_busy_service_answers_429(echo: Echo) -> None:
    echo.gate.clear()
    with TestClient(create_app(echo, Limits(waiting=1, timeout=60.0))) as client:
        answers: list = []
        threads = [threading.Thread(target=lambda: answers.append(post(client, wav(0.5)))) for _ in range(3)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 30
        while not answers and time.monotonic() < end:
            time.sleep(0.01)
        assert answers[0].status_code == 429 and answers[0].headers["retry-after"]
        echo.gate.set()
        for thread in threads:
            thread.join(30)
        assert sorted(answer.status_code for answer in answers) == [200, 200, 429]


def test_too_slow_is_a_504_and_leaves_the_queue(echo: Echo) -> None:
    echo.gate.clear()
    with TestClient(create_app(echo, Limits(timeout=0.1))) as client:
        assert post(client, wav(0.5)).status_code == 504
        echo.gate.set()
        assert post(client, wav(0.6)).json() == {"text": "6"}


def test_short_recordings_pass_a_long_one(echo: Echo) -> None:
    jobs = Jobs(echo)
    echo.gate.clear()
    long = Job(io.BytesIO(wav(1.0)), seconds=3600.0)
    jobs.submit(long)
    assert echo.begun.wait(30)
    echo.begun.clear()
    short = job(0.2)
    jobs.submit(short)
    assert echo.begun.wait(30)  # the short one has begun within the long one
    assert not long.result.done()
    echo.gate.set()
    assert short.result.result(30).text == "2" and long.result.result(30).text == "10"
    jobs.close()


def test_what_nobody_waits_for_is_not_transcribed(echo: Echo) -> None:
    jobs = Jobs(echo)
    echo.gate.clear()
    first, second = job(0.1), job(0.2)
    jobs.submit(first)
    assert echo.begun.wait(30)
    jobs.submit(second)
    second.abandon()
    first.abandon()
    echo.gate.set()
    jobs.close()
    assert second.result.cancelled()


def test_the_shipped_model_behind_it() -> None:
    clip = ROOT / "demo" / "audio" / "test" / "0001.ogg"
    with TestClient(create_app(Transcriber.from_pretrained("fast"))) as client:
        answer = client.post("/v1/audio/transcriptions", files={"file": ('"><b>.ogg', clip.read_bytes())})
    assert answer.json() == {"text": Transcriber.from_pretrained("fast").transcribe(clip).text}
