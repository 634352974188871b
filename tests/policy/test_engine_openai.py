from __future__ import annotations

import base64
import io
import threading
import time
from typing import Any

import numpy as np
import pytest
from faulty_server import (
    Behaviour,
    Handler,
    answers,
    breaks_off,
    chat,
    drips,
    floods,
    hangs_up,
    ok,
    serving,
    sleeps,
)
from PIL import Image

from remotereasoner.errors import CoordinateError, EngineError, UsageError
from remotereasoner.policy.base import Prompt, Sampling
from remotereasoner.policy.codec_choice import codec_by_name
from remotereasoner.policy.codec_families import Qwen25VLCodec
from remotereasoner.policy.engines.openai import OpenAIEngine
from remotereasoner.policy.engines.transport import RetryPolicy
from remotereasoner.policy.prompts import build_prompt

KEY = "sk-test-0123456789abcdef"
QUICK = RetryPolicy(retries=3, first_s=0.01, longest_s=0.02)


@pytest.fixture(autouse=True)
def no_keys_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REMOTEREASONER_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def engine_for(url: str, **options: Any) -> OpenAIEngine:
    return OpenAIEngine(url, "qwen2.5-vl-7b", **{"retry_policy": QUICK, "timeout_s": 5.0, **options})


def prompt_for(engine: OpenAIEngine, *, hw: tuple[int, int] = (60, 90), question: str = "where?") -> Prompt:
    image = np.random.default_rng(3).integers(0, 255, (*hw, 3), dtype=np.uint8)
    sampling = Sampling(temperature=0.5, top_p=0.9, max_new_tokens=77, seed=5)
    return build_prompt("locate", question, image, engine.codec, sampling=sampling)


def sent_picture(request: dict[str, Any]) -> np.ndarray:
    url = request["messages"][-1]["content"][0]["image_url"]["url"]
    head, data = url.split(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def test_request_and_answer() -> None:
    with serving(ok("<think>t</think><answer>[]</answer>")) as server, engine_for(server.url, api_key=KEY) as engine:
        prompt = prompt_for(engine)
        (completion,) = engine.generate([prompt])
    request = server.requests[0]
    assert server.keys == [f"Bearer {KEY}"]
    assert request["model"] == "qwen2.5-vl-7b"
    assert (request["temperature"], request["top_p"], request["max_tokens"], request["seed"]) == (0.5, 0.9, 77, 5)
    system, user = request["messages"]
    assert system == {"role": "system", "content": prompt.system}
    assert user["content"][1] == {"type": "text", "text": prompt.user}
    assert completion.text == "<think>t</think><answer>[]</answer>"
    assert completion.finish_reason == "stop"
    assert (completion.prompt_tokens, completion.completion_tokens) == (11, 7)
    assert completion.seconds is not None and completion.seconds > 0
    assert engine.identity.engine == "openai" and engine.identity.family == "qwen2.5-vl"


@pytest.mark.parametrize("hw", [(123, 123), (512, 512), (60, 3000), (10, 10), (2000, 1500), (1024, 1024), (613, 997)])
def test_absolute_pixels_are_sent_in_the_frame_of_the_answer(hw: tuple[int, int]) -> None:
    with serving(ok()) as server, engine_for(server.url) as engine:
        (completion,) = engine.generate([prompt_for(engine, hw=hw)])
    seen = sent_picture(server.requests[0]).shape[:2]
    assert seen == completion.grid_hw == engine.codec.grid_hw(hw)
    # The server resizes again, with whatever limit it has from 1,003,520 pixels up: nothing may change.
    for limit in (1_003_520, 12_845_056):
        assert Qwen25VLCodec(max_pixels=limit).grid_hw(seen) == seen
    assert f"{seen[1]} pixels wide and {seen[0]} high" in server.requests[0]["messages"][-1]["content"][1]["text"]


def test_resized_picture_shows_the_same_place() -> None:
    image = np.zeros((100, 200, 3), dtype=np.uint8)
    image[50:, 100:] = 255
    with serving(ok()) as server, engine_for(server.url) as engine:
        engine.generate([build_prompt("caption", "", image, engine.codec)])
    picture = sent_picture(server.requests[0])
    height, width = picture.shape[:2]
    assert (height, width) == (112, 196)
    assert picture[: height // 2 - 4].max() < 20 and picture[height // 2 + 4 :, width // 2 + 4 :].min() > 235


def test_normalised_families_get_the_image_as_it_is_up_to_max_side() -> None:
    with serving(ok()) as server, engine_for(server.url, codec="qwen3-vl", max_side=100) as engine:
        small, large = prompt_for(engine, hw=(60, 90)), prompt_for(engine, hw=(300, 150))
        engine.generate([small])
        (completion,) = engine.generate([large])
    np.testing.assert_array_equal(sent_picture(server.requests[0]), small.image)
    assert sent_picture(server.requests[1]).shape == (100, 50, 3)
    assert completion.grid_hw == engine.codec.grid_hw((100, 50))


def test_jpeg_and_extra_body() -> None:
    extra = {"temperature": None, "chat_template_kwargs": {"enable_thinking": True}}
    with (
        serving(ok()) as server,
        engine_for(server.url, image_format="jpeg", limit_field="max_completion_tokens", extra_body=extra) as engine,
    ):
        engine.generate([prompt_for(engine)])
    request = server.requests[0]
    assert request["messages"][-1]["content"][0]["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/")
    assert "temperature" not in request and "max_tokens" not in request
    assert request["max_completion_tokens"] == 77 and request["chat_template_kwargs"] == {"enable_thinking": True}


def test_a_limit_that_would_make_the_server_resize_again_is_an_error() -> None:
    codec = Qwen25VLCodec(min_pixels=802_000, max_pixels=802_816)
    with serving(ok()) as server, engine_for(server.url, codec=codec) as engine:
        prompt = prompt_for(engine, hw=(1000, 1003))
        with pytest.raises(CoordinateError, match="tiles"):
            engine.generate([prompt])
    assert server.requests == []


def test_order_is_kept_and_concurrency_bounded() -> None:
    def later_prompts_first(handler: Handler) -> None:
        pair.wait(60.0)  # nobody is answered before two are under way
        length = int(handler.headers["Content-Length"])
        time.sleep(max(0.0, 0.2 - 0.02 * (length % 10)))
        ok(f"{length}")(handler)

    pair = threading.Barrier(2)
    with serving(later_prompts_first) as server, engine_for(server.url, concurrency=3) as engine:
        prompts = [prompt_for(engine, question="w" * (i + 1)) for i in range(8)]
        texts = [int(completion.text) for completion in engine.generate(prompts)]
    assert texts == list(range(texts[0], texts[0] + 8))
    assert 2 <= server.busiest <= 3


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503])
def test_transient_status_is_retried(status: int) -> None:
    with (
        serving(answers(status, {"error": {"message": "busy"}}), ok("fine")) as server,
        engine_for(server.url) as engine,
    ):
        (completion,) = engine.generate([prompt_for(engine)])
    assert completion.text == "fine" and len(server.requests) == 2


def test_retry_after_is_honoured_and_capped() -> None:
    waits = [QUICK.wait_s(0, "3"), QUICK.wait_s(0, "100000"), QUICK.wait_s(0, "Wed, 21 Oct 2015 07:28:00 GMT")]
    assert waits == [3.0, 60.0, 0.0]
    assert QUICK.wait_s(0, "Fri, 21 Oct 2095 07:28:00 GMT") == 60.0
    assert 0.005 <= QUICK.wait_s(0, "soon") <= 0.01
    assert QUICK.wait_s(30, None) <= 0.02
    with serving(answers(429, {}, {"Retry-After": "1"}), ok()) as server, engine_for(server.url) as engine:
        started = time.monotonic()
        engine.generate([prompt_for(engine)])
    assert time.monotonic() - started >= 1.0


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (answers(500, b"<html>boom</html>"), r"answered 500 \(after 4 attempts\)"),
        (breaks_off, "no answer from"),
        (hangs_up, "no answer from"),
    ],
)
def test_lasting_transient_failure(behaviour: Behaviour, says: str) -> None:
    with serving(behaviour) as server, engine_for(server.url) as engine, pytest.raises(EngineError, match=says) as e:
        engine.generate([prompt_for(engine)])
    assert e.value.transient and len(server.requests) == 4


@pytest.mark.parametrize("behaviour", [sleeps(20.0, ok()), drips])
def test_time_out(behaviour: Behaviour) -> None:
    started = time.monotonic()
    with serving(behaviour) as server, engine_for(server.url, timeout_s=0.3, retry_policy=RetryPolicy(0)) as engine:
        with pytest.raises(EngineError, match=r"within 0\.3 s") as error:
            engine.generate([prompt_for(engine)])
        assert time.monotonic() - started < 15.0  # the server takes 20
    assert error.value.transient


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (answers(200, b"not json"), "JSON"),
        (answers(200, b"[" * 100_000), "JSON"),
        (answers(200, [1]), "not an object"),
        (answers(200, {"choices": []}), r"choices\[0\]"),
        (answers(200, {"choices": [{"message": "hello"}]}), r"choices\[0\]"),
        (answers(200, {"object": "error"}), r"choices\[0\]"),
        (floods, "more than 200000 bytes"),
        (answers(404, {"error": {"message": "The model `x` does not exist."}}), "404; check the model's name.*`x`"),
        (answers(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}), r"401; .*provided: \[key\]$"),
        (answers(400, {"detail": "context \x1b[31mlength\n exceeded"}), r"context  \[31mlength  exceeded"),
        (answers(413, b""), "max_side"),
        (answers(204, b""), "204"),
    ],
)
def test_lasting_failure_is_asked_once(behaviour: Behaviour, says: str) -> None:
    with (
        serving(behaviour) as server,
        engine_for(server.url, api_key=KEY, max_response_bytes=200_000) as engine,
        pytest.raises(EngineError, match=says) as error,
    ):
        engine.generate([prompt_for(engine)])
    assert not error.value.transient and len(server.requests) == 1
    assert KEY not in str(error.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    with (
        serving(ok()) as other,
        serving(answers(status, b"", {"Location": f"{other.url}/chat/completions"})) as server,
        engine_for(server.url, api_key=KEY) as engine,
        pytest.raises(EngineError, match="not followed"),
    ):
        engine.generate([prompt_for(engine)])
    assert other.requests == [] and other.keys == []
    assert server.keys == [f"Bearer {KEY}"]


def test_first_failure_drops_what_was_not_sent() -> None:
    with (
        serving(answers(400, {})) as server,
        engine_for(server.url, concurrency=1) as engine,
        pytest.raises(EngineError),
    ):
        engine.generate([prompt_for(engine) for _ in range(20)])
    assert len(server.requests) <= 3


def test_nobody_listens() -> None:
    with serving(ok()) as server:
        url = server.url
    with (
        engine_for(url, retry_policy=RetryPolicy(1, first_s=0.01)) as engine,
        pytest.raises(EngineError, match="after 2 attempts") as error,
    ):
        engine.generate([prompt_for(engine)])
    assert error.value.transient


@pytest.mark.parametrize(
    ("body", "text", "reason"),
    [
        (chat("a"), "a", "stop"),
        (chat([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "ab", "stop"),
        (chat(None), "", "stop"),
        (chat("half \ud83d of a pair"), "half \ufffd of a pair", "stop"),
        (chat("<answer>x</answer>", reasoning_content="why"), "<think>why</think><answer>x</answer>", "stop"),
        (chat("<answer>x</answer>", reasoning="why"), "<think>why</think><answer>x</answer>", "stop"),
        (chat("<think>y</think>a", reasoning_content="why"), "<think>y</think>a", "stop"),
        (chat(None, refusal="I cannot."), "I cannot.", "refusal"),
    ],
)
def test_reading_of_messages(body: dict[str, Any], text: str, reason: str) -> None:
    with serving(answers(200, body)) as server, engine_for(server.url) as engine:
        (completion,) = engine.generate([prompt_for(engine)])
    assert (completion.text, completion.finish_reason) == (text, reason)


@pytest.mark.parametrize(
    ("word", "tokens", "reason"),
    [
        ("stop", 77, "stop"),
        ("length", 77, "length"),
        ("max_tokens", 77, "length"),
        ("content_filter", 3, "refusal"),
        ("eos", 3, "stop"),
        (None, 77, "length"),
        (None, 76, "stop"),
        (None, None, "stop"),
    ],
)
def test_finish_reasons(word: str | None, tokens: int | None, reason: str) -> None:
    body = chat("a")
    body["choices"][0]["finish_reason"] = word
    body["usage"] = {"completion_tokens": tokens, "prompt_tokens": -1}
    with serving(answers(200, body)) as server, engine_for(server.url) as engine:
        (completion,) = engine.generate([prompt_for(engine)])
    assert (completion.finish_reason, completion.completion_tokens) == (reason, tokens)
    assert completion.prompt_tokens is None


def test_keys_go_only_where_they_were_given_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def key_sent(**options: Any) -> str | None:
        with serving(ok()) as server, engine_for(server.url, **options) as engine:
            engine.generate([prompt_for(engine)])
            assert KEY not in repr(engine) and KEY not in repr(engine.identity)
        return server.keys[0]

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert key_sent() is None
    assert key_sent(api_key_env="OPENAI_API_KEY") == f"Bearer {KEY}"
    monkeypatch.setenv("REMOTEREASONER_API_KEY", "other-key")
    assert key_sent() == "Bearer other-key"
    with pytest.raises(UsageError, match="MY_KEY"):
        key_sent(api_key_env="MY_KEY")
    with pytest.raises(UsageError, match="not both"):
        key_sent(api_key="a", api_key_env="OPENAI_API_KEY")
    with pytest.raises(UsageError, match="not shown") as error:
        key_sent(api_key=f"{KEY}\n")
    assert KEY not in str(error.value)


def test_key_over_plain_http_needs_consent() -> None:
    with pytest.raises(UsageError, match="unencrypted"):
        OpenAIEngine("http://gpu.example.org/v1", "qwen2.5-vl", api_key=KEY)
    OpenAIEngine("http://gpu.example.org/v1", "qwen2.5-vl", api_key=KEY, allow_plain_http_key=True).close()
    OpenAIEngine("https://gpu.example.org/v1", "qwen2.5-vl", api_key=KEY).close()
    OpenAIEngine("http://localhost:1/v1", "qwen2.5-vl", api_key=KEY).close()
    OpenAIEngine("http://[::1]:1/v1", "qwen2.5-vl", api_key=KEY).close()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8000/v1",
        "file:///etc/passwd",
        "ftp://host/v1",
        "http://",
        "http://user:secret@host/v1",
        "http://127.0.0.1:6666\\@1.1.1.1/v1",
        "http://host/v1?key=1",
        "http://host/v1#part",
        "http://host/\nv1",
        "http://ho st/v1",
        "http://host:99999/v1",
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="base_url must be") as error:
        engine_for(url)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"image_format": "gif"}, "png, jpeg"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"concurrency": 0}, "concurrency"),
        ({"retries": -1}, "retries"),
        ({"extra_body": {"messages": []}}, "messages"),
        ({"codec": "nope"}, "nope"),
    ],
)
def test_settings_that_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        engine_for("http://127.0.0.1:1/v1", **options)


def test_model_name_decides_the_codec() -> None:
    with OpenAIEngine("http://127.0.0.1:1/v1", "Qwen/Qwen3-VL-8B-Instruct") as engine:
        assert engine.codec == codec_by_name("qwen3-vl")
    with OpenAIEngine("http://127.0.0.1:1/v1", "Qwen/Qwen2.5-VL-7B-Instruct", max_pixels=802_816) as engine:
        assert engine.codec == Qwen25VLCodec(max_pixels=802_816)
    with pytest.raises(UsageError, match="set codec to one of"):
        OpenAIEngine("http://127.0.0.1:1/v1", "gpt-x")
    with pytest.raises(UsageError, match="model name"):
        OpenAIEngine("http://127.0.0.1:1/v1", "")


def test_no_prompts_no_requests() -> None:
    with serving(ok()) as server, engine_for(server.url) as engine:
        assert engine.generate([]) == []
    assert server.requests == []
