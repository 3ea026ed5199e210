import { describe, expect, it } from "vitest";

import { unanswered } from "../src/chat-state";
import type { Message } from "../src/frames";
import { connectWithHistory, human, reply, until } from "./connected-client";

describe("stop and retry", () => {
  it("apply to the oldest unanswered and to the last message", async () => {
    const [client, peer] = await connectWithHistory(human("h1"), reply("b1", "h1", "streaming"), human("h2"));
    client.retry(); // ignored: a reply is streaming
    client.stop();
    expect(await peer.next()).toEqual({ type: "stop", id: "h1" });
    peer.send({ type: "message", ...reply("b1", "h1") }, { type: "message", ...reply("b2", "h2") });
    await until(client, ({ chat }) => chat.messages.length === 4);
    client.stop(); // ignored: nothing to stop
    client.retry();
    client.retry(); // ignored: a retry is pending
    expect(await peer.next()).toEqual({ type: "retry", id: "h2" });
    peer.send({ type: "ack", id: "h2", position: 0 });
    const { chat } = await until(client, ({ chat }) => chat.messages.length === 3);
    expect(chat.messages.map(({ id }) => id)).toEqual(["h1", "b1", "h2"]);
    expect(peer.unread).toEqual([]);
  });
});

describe("continue and edit", () => {
  it("apply to the last reply, one request at a time", async () => {
    const stopped = { ...reply("b1", "h1"), status: "stopped" } as Message;
    const [client, peer] = await connectWithHistory(human("h1"), stopped);
    client.retry("  "); // ignored: no text
    client.continueReply();
    client.continueReply(); // ignored: one is pending
    client.retry("Another text"); // ignored too
    expect(await peer.next()).toEqual({ type: "continue", id: "h1" });
    peer.send({ type: "ack", id: "h1", position: 0 });
    peer.send({ type: "start", id: "b1", reply_to: "h1", attempt: 1, msg: "Hi", n: 1 });
    await until(client, ({ chat }) => unanswered(chat).length === 1);
    client.continueReply(); // ignored: it streams
    peer.send({ type: "message", ...reply("b1", "h1"), finish: "stop" });
    await until(client, ({ chat }) => unanswered(chat).length === 0);
    client.continueReply(); // ignored: it is complete
    client.retry(" Another text ");
    expect(await peer.next()).toEqual({ type: "retry", id: "h1", msg: "Another text" });
    expect(peer.unread).toEqual([]);
  });

  it("keep everything if the server refuses", async () => {
    const [client, peer] = await connectWithHistory(human("h1"), reply("b1", "h1"));
    client.retry("Too long");
    await peer.next();
    peer.send({ type: "error", id: "h1", code: "too_long", msg: "That is too long." });
    const { chat } = await until(client, ({ chat }) => chat.notice !== null);
    expect(chat).toMatchObject({ notice: "That is too long.", pendingChange: null });
    expect(chat.messages.map(({ id, msg }) => [id, msg])).toEqual([["h1", "Hello"], ["b1", "Hi"]]);
  });
});
