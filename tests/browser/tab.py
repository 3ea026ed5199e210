"""A person's browser and its tabs, as the person sees and uses them."""

from __future__ import annotations

from typing import Any, Self

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, WebSocket, expect

# What of the browser's complaints no fault of the network explains.
OUR_FAULT = ("Content Security Policy", "Content-Security-Policy", "Warning:", "React")


class Visitor:
    """A browser that nobody has used, with a record of what it asked for and complained of."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.requests: list[str] = []  # the URLs, sockets' among them
        self.complaints: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("console", self._on_console)
        context.on("page", self._on_page)

    def open(self, url: str) -> Tab:
        """Open a tab at ``url``."""
        page = self.context.new_page()
        page.goto(url)
        return Tab(self, page)

    def _on_page(self, page: Page) -> None:
        def opened(socket: WebSocket) -> None:
            self.requests.append(socket.url)

        page.on("websocket", opened)

    def _on_console(self, message: ConsoleMessage) -> None:
        if any(words in message.text for words in OUR_FAULT):
            self.complaints.append(message.text)


class Tab:
    """A tab with the page in it."""

    def __init__(self, visitor: Visitor, page: Page) -> None:
        self.visitor = visitor
        self.page = page
        self.log = page.get_by_role("log", name="Conversation")
        self.field = page.get_by_label("Message", exact=True)
        self.name = page.get_by_label("Name", exact=True)
        self.status = page.get_by_role("status")
        self.typing = self.log.get_by_text("Thinking")
        self.replies = self._articles("Bot")
        self.said = self._articles("You")
        self.unsent = self._articles("You, not sent yet")

    def _articles(self, speaker: str) -> Locator:
        heading = self.page.get_by_role("heading", name=speaker, exact=True)
        return self.log.get_by_role("article").filter(has=heading)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def another(self) -> Tab:
        """Open the same address in another tab of the same browser."""
        return self.visitor.open(self.page.url)

    def start_chat(self, name: str = "Ada") -> Self:
        """Start a chat, up to the moment when one can type."""
        self.name.fill(name)
        self.button("Start chat").click()
        self.expect_connected()
        return self

    def say(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    def ask(self, text: str) -> Locator:
        """Say something and wait for its whole reply; return the reply."""
        replies = self.replies.count()
        self.say(text)
        reply = self.replies.nth(replies)
        expect(reply).to_have_attribute("aria-busy", "false")
        return reply

    def expect_connected(self) -> None:
        expect(self.status).to_have_text("Connected")

    def expect_reply(self, text: str) -> None:
        """Wait until the last reply is whole, with this text."""
        expect(self.text(self.replies.last)).to_have_text(text)
        expect(self.replies.last).to_have_attribute("aria-busy", "false")

    def text(self, reply: Locator) -> Locator:
        """Return what was said in a reply, without what stands around it."""
        return reply.locator(".markdown")

    def entry(self) -> dict[str, Any]:
        """Return what this browser keeps of the chat, its token among it."""
        kept: dict[str, Any] = self.page.evaluate(
            "JSON.parse(localStorage['chat/' + location.pathname.split('/').pop()])"
        )
        return kept
