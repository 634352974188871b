"""One JSON request to one server: bounded time and size, retries with back-off, no redirects, no key in any message."""

from __future__ import annotations

import ipaddress
import json
import random
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from remotereasoner.errors import EngineError, MissingExtraError, UsageError

if TYPE_CHECKING:
    import httpx

__all__ = ["JsonClient", "RetryPolicy", "check_base_url"]

_RETRIED = frozenset({408, 409, 429})  # and every 5xx
_MESSAGE_LIMIT = 300  # characters of a server's own error message that reach the user


@dataclass(frozen=True)
class RetryPolicy:
    """How often, and how long to wait: full jitter over an exponentially growing span, all in seconds."""

    retries: int = 4
    first_s: float = 0.5
    longest_s: float = 20.0
    longest_retry_after_s: float = 60.0

    def wait_s(self, attempt: int, retry_after: str | None) -> float:
        """Seconds before attempt ``attempt + 1`` (``attempt`` counts from 0); a server's Retry-After wins, capped."""
        asked = _retry_after_s(retry_after)
        if asked is not None:
            return min(asked, self.longest_retry_after_s)
        span = min(self.longest_s, self.first_s * 2.0**attempt)
        return random.uniform(span / 2, span)  # noqa: S311 - jitter, not a secret


def _retry_after_s(value: str | None) -> float | None:
    """Retry-After as seconds or as an HTTP date (RFC 9110, 10.2.3); None where there is none that can be read."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def require_httpx() -> None:
    """Raise MissingExtraError where httpx is not installed."""
    if find_spec("httpx") is None:
        raise MissingExtraError("remote", "Asking an OpenAI-compatible server")


def check_base_url(base_url: str) -> str:
    """The address without a trailing slash; UsageError unless it is a plain http(s) address with a host.

    Read by the same parser that later connects, so that the two cannot disagree about the host.
    """
    import httpx

    allowed = "an address such as http://127.0.0.1:8000/v1 or https://api.example.com/v1"
    if "\\" in base_url or any(c.isspace() or not c.isprintable() for c in base_url):
        raise UsageError(f"base_url must be {allowed}: spaces, control characters and backslashes are not allowed")
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise UsageError(f"base_url must be {allowed}: {error}") from None
    if url.scheme not in {"http", "https"} or not url.host or not 1 <= (url.port or 1) <= 65_535:
        raise UsageError(f"base_url must be {allowed}")
    if url.userinfo or url.query or url.fragment:
        raise UsageError(f"base_url must be {allowed}, without user name, query or fragment; give the key as api_key")
    return str(url).rstrip("/")


def is_loopback(base_url: str) -> bool:
    """Whether the address names this machine."""
    import httpx

    host = httpx.URL(base_url).host
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class JsonClient:
    """Posts JSON to paths below one address and nowhere else. Safe to use from several threads."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None,
        timeout_s: float,
        retry: RetryPolicy,
        max_response_bytes: int,
        connections: int,
    ) -> None:
        require_httpx()
        import httpx

        self.base_url = check_base_url(base_url)
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._retry = retry
        self._max_response_bytes = max_response_bytes
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "remotereasoner"}
        if api_key is not None:
            headers["Authorization"] = f"Bearer {api_key}"
        self._client = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0)),
            limits=httpx.Limits(max_connections=connections),
            follow_redirects=False,
            # A proxy set for the internet has no business between us and a server on this machine.
            trust_env=not is_loopback(self.base_url),
        )

    def close(self) -> None:
        self._client.close()

    def post(self, path: str, body: dict[str, Any], *, cancelled: threading.Event | None = None) -> dict[str, Any]:
        """The JSON object that ``path`` answers with.

        Raises EngineError: transient when time, connection, 408, 409, 429 or 5xx outlasted the retries; else not.
        ``cancelled`` ends the waiting between attempts.
        """
        stop = cancelled if cancelled is not None else threading.Event()
        payload = json.dumps(body).encode()
        attempt = 0
        while True:
            try:
                return self._attempt(path, payload)
            except _RetryableError as failure:
                if attempt >= self._retry.retries:
                    tries = f"after {attempt + 1} attempts" if attempt else "at the first attempt"
                    raise EngineError(f"{failure} ({tries})", transient=True) from failure.__cause__
                if stop.wait(self._retry.wait_s(attempt, failure.retry_after)):
                    raise EngineError(f"{failure} (given up: another request failed)", transient=True) from None
            attempt += 1

    def _attempt(self, path: str, payload: bytes) -> dict[str, Any]:
        import httpx

        try:
            with self._client.stream(
                "POST", f"{self.base_url}{path}", content=payload, headers={"Content-Type": "application/json"}
            ) as response:
                content = self._read(response)
                status, headers = response.status_code, response.headers
        except httpx.TimeoutException as error:
            raise _RetryableError(f"{self.base_url} did not answer within {self._timeout_s:g} s") from error
        except httpx.TransportError as error:
            raise _RetryableError(f"no answer from {self.base_url}: {self._clean(str(error))}") from error
        if status in _RETRIED or status >= 500:
            raise _RetryableError(self._said(status, content), headers.get("Retry-After"))
        if 300 <= status < 400:
            raise EngineError(
                f"{self.base_url} answered {status} and points elsewhere, which is not followed: give the final address"
            )
        if status != 200:
            raise EngineError(self._said(status, content))
        return self._parse(content)

    def _read(self, response: httpx.Response) -> bytes:
        """The body, no larger than the cap, no later than the time-out (httpx's own counts from byte to byte)."""
        deadline = time.monotonic() + self._timeout_s
        chunks: list[bytes] = []
        size = 0
        for chunk in response.iter_raw():
            size += len(chunk)
            if size > self._max_response_bytes:
                raise EngineError(f"{self.base_url} sent more than {self._max_response_bytes} bytes; refused")
            if time.monotonic() > deadline:
                raise _RetryableError(f"{self.base_url} did not finish its answer within {self._timeout_s:g} s")
            chunks.append(chunk)
        return b"".join(chunks)

    def _parse(self, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise EngineError(f"{self.base_url} did not answer in JSON: is it an OpenAI-compatible API?") from error
        if not isinstance(answer, dict):
            raise EngineError(f"{self.base_url} answered JSON that is not an object")
        return answer

    def _said(self, status: int, content: bytes) -> str:
        """One line: the status, what to change, and what the server said, cleaned."""
        hint = {
            400: "; the server refuses the request",
            401: "; check the API key",
            403: "; check the API key and what it may use",
            404: "; check the model's name and the address (most end in /v1)",
            413: "; the image is too large for the server: lower max_side, or the codec's pixel limit, or use jpeg",
        }.get(status, "")
        said = self._clean(_server_message(content))
        return f"{self.base_url} answered {status}{hint}" + (f": {said}" if said else "")

    def _clean(self, text: str) -> str:
        """Hostile text made harmless: the key struck out, no control characters, short."""
        if self._api_key:
            text = text.replace(self._api_key, "[key]")
        return "".join(c if c.isprintable() else " " for c in text)[:_MESSAGE_LIMIT].strip()


class _RetryableError(Exception):
    """A failure that asking again may mend."""

    def __init__(self, message: str, retry_after: str | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def _server_message(content: bytes) -> str:
    """What an OpenAI-compatible server says went wrong: ``{"error": {"message": …}}`` and its relatives."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return ""  # an HTML page of some proxy helps nobody
    if not isinstance(answer, dict):
        return ""
    error = answer.get("error", answer)
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail")
    return error if isinstance(error, str) else ""
