"""A browser and its tabs, with the elements and actions that a person sees."""

from __future__ import annotations

from typing import Any, Self

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, WebSocket, expect

# Words in console messages that are errors of the page, not of the network.
PAGE_ERRORS = ("Content Security Policy", "Content-Security-Policy", "Warning:", "React")


class Visitor:
    """A new browser context, with a record of its requests and of the page's errors."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.requests: list[str] = []  # the URLs, including those of WebSockets
        self.errors: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
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
        if any(words in message.text for words in PAGE_ERRORS):
            self.errors.append(message.text)


class Tab:
    """A tab in which the page is open."""

    def __init__(self, visitor: Visitor, page: Page) -> None:
        self.visitor = visitor
        self.page = page
        self.log = page.get_by_role("log", name="Conversation")
        self.field = page.get_by_label("Message", exact=True)
        self.name = page.get_by_label("Name", exact=True)
        self.status = page.get_by_role("status")
        self.typing = self.log.get_by_text("Thinking")  # the typing indicator
        self.replies = self._articles("Bot")
        self.messages = self._articles("You")
        self.unsent = self._articles("You, not sent yet")

    def _articles(self, author: str) -> Locator:
        heading = self.page.get_by_role("heading", name=author, exact=True)
        return self.log.get_by_role("article").filter(has=heading)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def another(self) -> Tab:
        """Open the same URL in another tab of the same browser."""
        return self.visitor.open(self.page.url)

    def start_chat(self, name: str = "Ada") -> Self:
        """Start a chat and wait until it is connected."""
        self.name.fill(name)
        self.button("Start chat").click()
        self.expect_connected()
        return self

    def send(self, text: str) -> None:
        """Write a message and send it."""
        self.field.fill(text)
        self.field.press("Enter")

    def ask(self, text: str) -> Locator:
        """Send a message, wait for its complete reply, and return the reply."""
        replies = self.replies.count()
        self.send(text)
        reply = self.replies.nth(replies)
        expect(reply).to_have_attribute("aria-busy", "false")
        return reply

    def expect_connected(self) -> None:
        expect(self.status).to_have_text("Connected")

    def expect_reply(self, text: str) -> None:
        """Wait until the last reply is complete, with this text."""
        expect(self.text(self.replies.last)).to_have_text(text)
        expect(self.replies.last).to_have_attribute("aria-busy", "false")

    def text(self, reply: Locator) -> Locator:
        """Return the text of a reply, without its time and its buttons."""
        return reply.locator(".markdown")

    def entry(self) -> dict[str, Any]:
        """Return this browser's entry of the chat, which contains the token."""
        entry: dict[str, Any] = self.page.evaluate(
            "JSON.parse(localStorage['chat/' + location.pathname.split('/').pop()])"
        )
        return entry
