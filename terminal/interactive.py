"""The chat at a prompt: read a line, execute it, and print the reply. Ctrl-C is handled here."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

import click

from terminal.commands import Leave, execute
from terminal.delays import delay_reason, unexplained_delay
from terminal.errors import Failed
from terminal.prompt import Prompt
from terminal.session_client import SessionClient, sendable
from terminal.silence import SilenceTimer
from terminal.styles import clean, notice
from terminal.terminal_modes import echo_off, restored_modes
from terminal.transcript import Transcript

WELCOME = "Ctrl-C stops a reply. Ctrl-C again leaves. /help lists the commands."
WARNING = "A model may say anything, and not all of it is true."

# Seconds. A signal that arrives just before a queue's blocking `get` is handled only after it.
_POLL_INTERVAL = 1.0

_LEAVE_WARNING = notice("Ctrl-C again leaves.")

OpenChat = Callable[[Callable[[], None]], SessionClient]


class InteractiveChat:
    """One person at one terminal.

    ``open_first`` opens the first chat, ``open_new`` another one; both may raise `Failed`.
    """

    def __init__(self, open_first: OpenChat, open_new: OpenChat) -> None:
        self._open_new = open_new
        self._lock = threading.RLock()  # for the output and the transcript
        self._opening = False  # a new chat
        self._warned = False  # the next Ctrl-C leaves
        self._wakeups: SimpleQueue[bool] = SimpleQueue()  # True for a Ctrl-C
        self._transcript = Transcript()
        self._prompt = Prompt(self._label)
        self._client = open_first(self._on_change)

    def run(self) -> None:
        """Chat until the person leaves."""
        try:
            with restored_modes(self._prompt.on_suspend, self._prompt.on_resume):
                signal.signal(signal.SIGINT, self._on_ctrl_c)
                self._print_until_answered()
                self._prompt.print(notice(WELCOME) + notice(WARNING))
                while True:
                    self._execute(self._read_line())
                    self._print_until_answered()
        except (Leave, KeyboardInterrupt):
            pass
        finally:
            self._client.close()

    def _execute(self, line: str) -> None:
        try:
            text = execute(
                line, self._client, self._send_message, self._edit_message, self._open_new_chat
            )
        except Failed as error:
            text = notice(str(error))
        self._prompt.print(text)

    def _send_message(self, text: str) -> None:
        with self._lock:  # `_on_change` must not print the message before it is marked as typed
            self._transcript.typed(self._client.send_message(text), sendable(text))

    def _edit_message(self, text: str) -> None:
        """Replace the text of the last message. Without a text, let the person edit the old one."""
        if not text:
            self._prompt.prefill(f"/edit {self._client.last_exchange()[0].msg}")
            return
        with self._lock:
            self._transcript.typed(self._client.retry(text), sendable(text))

    def _open_new_chat(self) -> None:
        self._opening = True
        try:
            client = self._open_new(self._on_change)
        except KeyboardInterrupt:
            raise Failed("No new chat was started.") from None
        finally:
            self._opening = False
        self._client.close()
        with self._lock:
            self._client, self._transcript = client, Transcript()

    def _print_until_answered(self) -> None:
        """Print replies and notices until every message is answered."""
        silence, printed = SilenceTimer(), {""}
        with echo_off():
            while True:
                with self._lock:
                    snapshot = self._client.snapshot()
                    text = self._transcript.update(snapshot)
                    if text:
                        silence.restart()
                    elif silence.expired and not delay_reason(snapshot):
                        delay = unexplained_delay(snapshot)
                        text = self._transcript.notice(delay if delay not in printed else "")
                        printed.add(delay)
                    self._prompt.print(text)
                if not snapshot.expects_frame:
                    return
                if self._ctrl_c_pressed():
                    if self._warned or not snapshot.has_history:
                        raise Leave
                    self._warned = True
                    if snapshot.state == "lost":  # the stop cannot be sent yet
                        self._prompt.print(_LEAVE_WARNING)
                    self._client.stop()

    def _ctrl_c_pressed(self) -> bool:
        """Block until something changes or _POLL_INTERVAL is over; return True for a Ctrl-C."""
        try:
            return self._wakeups.get(timeout=_POLL_INTERVAL)
        except Empty:
            return False

    def _read_line(self) -> str:
        """Return the next line that the person types."""
        while True:
            try:
                with self._lock:
                    self._wakeups = SimpleQueue()  # a Ctrl-C after a reply must not stop the next
                    snapshot = self._client.snapshot()
                    self._prompt.print(self._transcript.update(snapshot, finished_only=True))
                    self._prompt.active = True
                line = self._prompt.read()
            except EOFError:
                click.echo()
                raise Leave from None
            except KeyboardInterrupt:
                self._prompt.active = False
                typed = self._prompt.line_so_far
                click.echo()
                if self._warned and not typed:
                    raise Leave from None
                self._warned = True
                self._prompt.print(_LEAVE_WARNING)
            else:
                self._warned = False
                return line

    def _on_ctrl_c(self, *_: object) -> None:
        if self._prompt.active or self._opening:
            raise KeyboardInterrupt
        self._wakeups.put(True)

    def _on_change(self) -> None:
        """Print new text above the prompt, or wake `_print_until_answered`."""
        with self._lock, suppress(OSError):  # `input` notices a terminal that is gone
            if self._prompt.active:
                text = self._transcript.update(self._client.snapshot(), finished_only=True)
                if text:
                    self._prompt.print_above(text)
            elif self._wakeups.empty():
                self._wakeups.put(False)

    def _label(self) -> str:
        return f"{clean(self._client.snapshot().conversation.name) or 'You'}: "
