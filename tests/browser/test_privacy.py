"""The page sends nothing to other hosts, and its URLs contain no token."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE

ELSEWHERE = "http://127.0.0.1:9"
BLOCKED_DIRECTIVES = [
    "script-src-elem",
    "script-src-attr",
    "style-src-elem",
    "img-src",
    "frame-src",
    "object-src",
    "connect-src",
]


def test_no_url_contains_the_token_and_no_other_host_is_requested(tab, system):
    tokens = [tab.entry()["token"]]
    addresses = [tab.page.url]
    tab.ask("see ![here](http://elsewhere.invalid/cat.png)")
    tab.page.reload()
    expect(tab.replies).to_have_count(1)
    with tab.page.expect_download():
        tab.button("Export").click()
    tab.visitor.context.set_offline(True)  # the page then checks its session over HTTP
    expect(tab.status).to_have_text("Offline")
    tab.visitor.context.set_offline(False)
    tab.expect_connected()
    tab.button("New chat").click()
    expect(tab.log).to_contain_text("Hello, Ada.")
    tokens.append(tab.entry()["token"])
    addresses.append(tab.page.url)
    tab.button("Erase").click()
    tab.button("Erase it").click()
    expect(tab.name).to_be_visible()

    requested = [url for url in tab.visitor.requests if not url.startswith("blob:")]
    assert any(url.startswith("ws:") for url in requested)
    assert {urlsplit(url).netloc for url in requested} == {urlsplit(system.web.url).netloc}
    for token in tokens:
        assert not [url for url in requested + addresses if token in url]


def test_a_chat_s_url_opens_nothing_in_another_browser(tab, visit):
    tab.ask("a secret")
    other = visit(urlsplit(tab.page.url).path)
    expect(other.page.get_by_role("heading", name="There is no chat here")).to_be_visible()


def test_the_content_security_policy_blocks_inline_scripts_and_other_hosts(browser, system):
    # Without the `visitor` fixture, which fails on the errors that this test causes.
    page = browser.new_context().new_page()
    page.goto(system.web.url)
    ran, not_blocked = page.evaluate(
        """async ([elsewhere, patience, ...directives]) => {
            const put = (tag, fields) => document.body.append(
                Object.assign(document.createElement(tag), fields));
            const all = new Promise((done) => addEventListener("securitypolicyviolation", (e) => {
                directives = directives.filter((directive) => directive !== e.effectiveDirective);
                if (!directives.length) done();
            }));
            put("script", {textContent: "window.ran = 1"});
            put("div", {innerHTML: "<img src=x onerror='window.ran = 1'>"});
            put("img", {src: `${elsewhere}/x.png`});
            put("style", {textContent: "body { display: none }"});
            put("iframe", {src: elsewhere});
            put("object", {data: elsewhere});
            fetch(elsewhere).catch(() => 0);
            await Promise.race([all, new Promise((done) => setTimeout(done, patience))]);
            return [window.ran, directives];
        }""",
        [ELSEWHERE, PATIENCE, *BLOCKED_DIRECTIVES],
    )
    assert ran is None
    assert not_blocked == []
    page.context.close()


def test_the_page_works_over_plain_http_on_another_host_name(visitor, system):
    """As on a phone that opens a laptop's page: browsers disable some APIs on such pages."""
    tab = visitor().open(system.web.url.replace("127.0.0.1", "chat.test"))
    assert not tab.page.evaluate("isSecureContext")
    tab.start_chat()
    tab.ask("hello")
    tab.messages.last.get_by_role("button", name="Copy").click()
    tab.field.press("Control+V")
    expect(tab.field).to_have_value("hello")
