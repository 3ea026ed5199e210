"""What the page tells to whom."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import expect

ELSEWHERE = "http://127.0.0.1:9"
STOPPED = [
    "script-src-elem",
    "script-src-attr",
    "style-src-elem",
    "img-src",
    "frame-src",
    "object-src",
    "connect-src",
]


def test_the_token_is_in_no_address_and_nothing_is_asked_of_another_host(tab, system):
    tokens = [tab.entry()["token"]]
    addresses = [tab.page.url]
    tab.ask("see ![here](http://elsewhere.invalid/cat.png)")
    tab.page.reload()
    expect(tab.replies).to_have_count(1)
    with tab.page.expect_download():
        tab.button("Export").click()
    tab.visitor.context.set_offline(True)  # the page asks why it cannot connect
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

    asked = [url for url in tab.visitor.requests if not url.startswith("blob:")]
    assert any(url.startswith("ws:") for url in asked)
    assert {urlsplit(url).netloc for url in asked} == {urlsplit(system.web.url).netloc}
    for token in tokens:
        assert not [url for url in asked + addresses if token in url]


def test_an_address_that_is_shared_opens_nothing_elsewhere(tab, visit):
    tab.ask("a secret")
    other = visit(urlsplit(tab.page.url).path)
    expect(other.page.get_by_role("heading", name="There is no chat here")).to_be_visible()


def test_the_policy_stops_inline_scripts_and_every_other_host(browser, system):
    # Without the fixtures, which hold every page to complain of nothing.
    page = browser.new_context().new_page()
    page.goto(system.web.url)
    ran, passed = page.evaluate(
        """async ([elsewhere, ...stopped]) => {
            const put = (tag, fields) => document.body.append(
                Object.assign(document.createElement(tag), fields));
            const all = new Promise((done) => addEventListener("securitypolicyviolation", (e) => {
                stopped = stopped.filter((directive) => directive !== e.effectiveDirective);
                if (!stopped.length) done();
            }));
            put("script", {textContent: "window.ran = 1"});
            put("div", {innerHTML: "<img src=x onerror='window.ran = 1'>"});
            put("img", {src: `${elsewhere}/x.png`});
            put("style", {textContent: "body { display: none }"});
            put("iframe", {src: elsewhere});
            put("object", {data: elsewhere});
            fetch(elsewhere).catch(() => 0);
            await Promise.race([all, new Promise((done) => setTimeout(done, 10_000))]);
            return [window.ran, stopped];
        }""",
        [ELSEWHERE, *STOPPED],
    )
    assert ran is None
    assert passed == []
    page.context.close()


def test_the_page_works_over_plain_http_under_a_name(visitor, system):
    """As on a phone that asks a laptop: browsers withhold some interfaces there."""
    tab = visitor().open(system.web.url.replace("127.0.0.1", "chat.test"))
    assert not tab.page.evaluate("isSecureContext")
    tab.start_chat()
    tab.ask("hello")
    tab.said.last.get_by_role("button", name="Copy").click()
    tab.field.press("Control+V")
    expect(tab.field).to_have_value("hello")
