import { describe, expect, it } from "vitest";

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
