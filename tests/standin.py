"""A stand-in for a model's server. It speaks three protocols and shows faults on request.

`python -m tests.standin --port N`. `POST /` speaks the Hugging Face text-generation protocol,
`/v1/completions` and `/v1/chat/completions` OpenAI's, with any prefix and query. Each streams if
the request says so. `GET /info` and `/v1/models` say what is served.

The reply is ``echo: `` and the last human message. A directive in that message,
``[[key=value …]]``, changes the reply and is left out of the echo:

- ``repeat=N:TEXT``: the echo is followed by a line of N times the text, which is percent-encoded.
- ``words=N``: the echo is followed by N numbered words. ``delay=S``: S seconds before each token.
- ``length=K``: each answer has at most K tokens, as if by a limit, and says so.
- ``hold=NAME:K``: hold the reply before its token K, or at its ``end``, until `POST /release/NAME`.
  `GET /holding/NAME` returns when the reply is held, `GET /closed/NAME` when the client has closed
  the held connection. After `POST /forget/NAME`, `/holding/NAME` waits for the next held reply.
- ``status=N``: an error with this status, and with ``retry_after=S``, ``estimated=S``,
  ``error=TEXT`` if given. ``refuses=A,B``: OpenAI's error for the first of these parameters that
  the request has, if it has one.
- ``fault=``: ``cut:K`` (the connection ends), ``error:K`` (an error event) and ``event:K`` (an
  event of no protocol), each before token K; ``garbage`` (a web page), ``bare`` and ``list`` (a
  body instead of a stream), ``silence``, ``empty``, ``stop`` (the stop sequence in two tokens, and
  more text), ``surrogates``.
- ``times=N`` and ``name=NAME``: only the first N requests with that name get the status or fault.
  With ``after=N`` the first N do not get it.

A prompt that ends with the beginning of the reply is answered with exactly the rest of it.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

MODEL = "standin"  # its name
PATIENCE = 60.0  # seconds: the longest hold, and the longest wait of a control request
_DIRECTIVE = re.compile(r"\[\[(.*?)\]\]\s*")


class Hold:
    """The state of the replies with the same ``hold=NAME``."""

    def __init__(self) -> None:
        self.holding = threading.Event()
        self.closed = threading.Event()
        self.released = threading.Event()
        self.port = 0  # the client's port of the connection that is held


class Standin(ThreadingHTTPServer):
    """The server, its holds, and the requests that it got."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.holds: dict[str, Hold] = defaultdict(Hold)
        self.requests: list[dict[str, Any]] = []
        self.counted: Counter[str] = Counter()  # requests by ``name=``
        self.lock = threading.Lock()
        self.owner = "tests"  # of the model; vLLM's is "vllm"
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing about clients that close their connection, since tests make them do so."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def reply_to(message: str) -> str:
    """Return the whole reply to a human message."""
    directives = _directives(message)
    echo = _DIRECTIVE.sub("", message).strip()
    words = "".join(f" w{number}" for number in range(int(directives.get("words", 0))))
    times, _, text = directives.get("repeat", "0:").partition(":")
    line = unquote(text) * int(times)
    return f"echo: {echo}{words}" + (f"\n{line}" if line else "")


def _directives(message: str) -> dict[str, str]:
    found = _DIRECTIVE.search(message)
    return dict(part.split("=", 1) for part in found[1].split()) if found else {}


def _tokens(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Standin

    def log_message(self, format: str, *args: Any) -> None:
        pass

    # control

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        command, _, name = path.strip("/").partition("/")
        if path == "/v1/models":
            model = {"id": MODEL, "object": "model", "created": 0, "owned_by": self.server.owner}
            self._json(200, {"object": "list", "data": [model]})
        elif path == "/info":
            self._json(200, {"model_id": MODEL, "max_total_tokens": 2048})
        elif command == "requests":
            self._json(200, self.server.requests)
        elif command in ("holding", "closed"):
            hold = self.server.holds[name]
            event = hold.holding if command == "holding" else hold.closed
            self._json(200 if event.wait(PATIENCE) else 408, {"port": hold.port})
        else:
            self._json(404, {"error": "no such page"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        command, _, name = self.path.strip("/").partition("/")
        if command == "release":
            self.server.holds[name].released.set()
            return self._json(200, {})
        if command == "forget":
            self.server.holds[name].holding.clear()
            return self._json(200, {})
        request = json.loads(body)
        self.server.requests.append(
            {
                "path": self.path,
                "body": request,
                "authorization": self.headers.get("Authorization"),
                "headers": dict(self.headers),
            }
        )
        path = urlsplit(self.path).path
        if path == "/":
            protocol: _Protocol = _HuggingFace()
        elif path.endswith("/chat/completions"):
            protocol = _Chat(continues=self.server.owner == "vllm")
        elif path.endswith("/completions"):
            protocol = _Completions()
        else:
            return self._json(404, {"error": "no such page"})
        try:
            self._answer(protocol, request)
        except OSError:
            self.close_connection = True
        return None

    # answers

    def _answer(self, protocol: _Protocol, request: dict[str, Any]) -> None:
        message, partial_text = protocol.message(request)
        directives = _directives(message)
        if not self._is_faulty(directives):
            directives = {k: v for k, v in directives.items() if k not in ("status", "fault")}
        if "status" in directives:
            return self._error_status(directives)
        sent = {**request, **request.get("parameters", {})}
        for name in directives.get("refuses", "").split(","):
            if name in sent:
                return self._json(400, _refusal(name))
        fault, _, at = directives.get("fault", "").partition(":")
        if fault == "silence":
            return self._hold(Hold())
        if fault == "garbage":
            return self._body(200, b"<html>It works!</html>", "text/html")
        whole = reply_to(message)
        tokens = self._tokens_to_send(fault, whole, partial_text)
        limit = int(directives.get("length", len(tokens)))
        finish = "length" if len(tokens) > limit else "stop"
        tokens = tokens[:limit]
        if fault in ("bare", "list") or not request.get("stream"):
            return self._json(200, protocol.whole("".join(tokens), fault))
        delay = float(directives.get("delay", 0))
        name, _, place = directives.get("hold", "").partition(":")
        first = len(_tokens(whole)) - len(tokens) if partial_text else 0
        self._begin_stream()
        for number, token in enumerate(tokens, first):
            if name and place == str(number):
                self._hold(self.server.holds[name])
            if at == str(number) and fault == "cut":
                self.close_connection = True
                return None
            if at == str(number) and fault == "error":
                self._event(protocol.error())
                return self._end_stream()
            if at == str(number) and fault == "event":
                self._event("ping")
            if delay:
                time.sleep(delay)
            self._event(protocol.event(token))
        if name and (place == "end" or int(place) >= first + len(tokens)):
            self._hold(self.server.holds[name])
        for event in protocol.last("" if fault == "empty" else whole, finish):
            self._event(event)
        return self._end_stream()

    def _is_faulty(self, directives: dict[str, str]) -> bool:
        if "name" not in directives:
            return True
        with self.server.lock:
            self.server.counted[directives["name"]] += 1
            number = self.server.counted[directives["name"]]
        after = int(directives.get("after", 0))
        return after < number <= after + int(directives.get("times", sys.maxsize))

    def _tokens_to_send(self, fault: str, whole: str, partial_text: str) -> list[str]:
        if fault == "empty":
            return [" ", "\n"]
        if fault == "surrogates":
            return [" ok ", "\ud83d", "\ude00", " alone \ud83d", " end"]
        rest = whole[len(partial_text) :] if whole.startswith(partial_text) else f" {whole}"
        tokens = _tokens(rest if partial_text else f" {whole}")
        return [*tokens, " \nHu", "man: and", " more"] if fault == "stop" else tokens

    def _error_status(self, directives: dict[str, str]) -> None:
        body: dict[str, Any] = {"error": directives.get("error", "refused").replace("_", " ")}
        if "estimated" in directives:
            body["estimated_time"] = float(directives["estimated"])
        retry_after = directives.get("retry_after")
        headers = {"Retry-After": retry_after} if retry_after else {}
        self._json(int(directives["status"]), body, headers)

    def _hold(self, hold: Hold) -> None:
        """Wait until the hold is released. Raises BrokenPipeError if the client closes first."""
        hold.port = self.client_address[1]
        hold.holding.set()
        deadline = time.monotonic() + PATIENCE
        while not hold.released.wait(0.02) and time.monotonic() < deadline:
            readable, _, _ = select.select([self.connection], [], [], 0)
            if readable and self._is_closed():
                hold.closed.set()
                raise BrokenPipeError

    def _is_closed(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except ConnectionResetError:  # it closed before it had read everything
            return True

    # HTTP

    def _json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._body(status, json.dumps(body).encode(), "application/json", headers)

    def _body(
        self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, event: Any) -> None:
        data = event if isinstance(event, str) else json.dumps(event)
        chunk = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def _end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")


class _Protocol:
    """The base of the three protocols."""

    def message(self, request: dict[str, Any]) -> tuple[str, str]:
        """Return the last human message, and the text of its reply so far."""
        prompt = self.prompt(request)
        last = prompt.rpartition("Human: ")[2]
        message, _, partial_text = last.partition(" Bot:")
        return message, partial_text.strip()

    def prompt(self, request: dict[str, Any]) -> str:
        raise NotImplementedError

    def event(self, token: str) -> Any:
        raise NotImplementedError

    def last(self, whole: str, finish: str) -> Iterator[Any]:
        raise NotImplementedError

    def whole(self, text: str, fault: str) -> Any:
        raise NotImplementedError

    def error(self) -> Any:
        return {"error": {"message": "out of memory", "type": "server_error"}}


class _HuggingFace(_Protocol):
    def __init__(self) -> None:
        self._index = 0

    def prompt(self, request: dict[str, Any]) -> str:
        return str(request["inputs"])

    def event(self, token: str) -> Any:
        self._index += 1
        fields = {"id": self._index, "text": token, "logprob": -0.5, "special": False}
        return {"index": self._index, "token": fields, "generated_text": None, "details": None}

    def last(self, whole: str, finish: str) -> Iterator[Any]:
        self._index += 1
        end = {"id": 2, "text": "</s>", "logprob": -0.1, "special": True}
        reason = "length" if finish == "length" else "eos_token"
        details = {"finish_reason": reason, "generated_tokens": self._index, "seed": None}
        yield {"index": self._index, "token": end, "generated_text": whole, "details": details}

    def whole(self, text: str, fault: str) -> Any:
        details = {"finish_reason": "eos_token", "generated_tokens": 1, "prefill": [], "tokens": []}
        answer = {"generated_text": text, "details": details}
        return answer if fault == "bare" else [answer]

    def error(self) -> Any:
        return {"error": "out of memory", "error_type": "generation"}


class _Completions(_Protocol):
    def prompt(self, request: dict[str, Any]) -> str:
        return str(request["prompt"])

    def event(self, token: str) -> Any:
        choice = {"index": 0, "text": token, "finish_reason": None, "logprobs": None}
        return _openai("text_completion", choice)

    def last(self, whole: str, finish: str) -> Iterator[Any]:
        choice = {"index": 0, "text": "", "finish_reason": finish, "logprobs": None}
        yield _openai("text_completion", choice)
        yield "[DONE]"

    def whole(self, text: str, fault: str) -> Any:
        choice = {"index": 0, "text": text, "finish_reason": "stop", "logprobs": None}
        return _openai("text_completion", choice)


class _Chat(_Protocol):
    """Like most chat servers, this one cannot continue a partial reply, but can be asked to."""

    def __init__(self, *, continues: bool) -> None:
        self._continues = continues
        self._repeated = ""  # what it repeats of its message, before the rest

    def message(self, request: dict[str, Any]) -> tuple[str, str]:
        *before, last = [m["content"] for m in request["messages"] if m["role"] == "user"]
        if self._continues and request.get("continue_final_message"):
            return last, request["messages"][-1]["content"]
        instruction, asked, self._repeated = last.partition("its last words, which are: ")
        return (before[-1], request["messages"][-2]["content"]) if asked else (instruction, "")

    def event(self, token: str) -> Any:
        token, self._repeated = self._repeated + token, ""
        choice = {"index": 0, "delta": {"content": token}, "finish_reason": None}
        return _openai("chat.completion.chunk", choice)

    def last(self, whole: str, finish: str) -> Iterator[Any]:
        choice = {"index": 0, "delta": {}, "finish_reason": finish}
        yield _openai("chat.completion.chunk", choice)
        yield "[DONE]"

    def whole(self, text: str, fault: str) -> Any:
        message = {"role": "assistant", "content": text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return _openai("chat.completion", choice)


def _openai(kind: str, choice: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of OpenAI's, or one event of it."""
    return {"id": "standin-1", "object": kind, "created": 0, "model": MODEL, "choices": [choice]}


def _refusal(name: str) -> dict[str, Any]:
    message = f"Unsupported parameter: '{name}' is not supported with this model."
    error = {"message": message, "type": "invalid_request_error", "param": name}
    return {"error": {**error, "code": "unsupported_parameter"}}


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.standin")
    parser.add_argument("--port", type=int, default=8000)
    server = Standin(parser.parse_args().port)
    print(f"stands in for a model on {server.url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
