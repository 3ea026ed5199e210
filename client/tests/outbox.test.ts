import { describe, expect, it } from "vitest";

import type { ClientRequest } from "../src/frames";
import { UnsentMessages } from "../src/unsent-messages";
import { acceptWithHistory, connect, connected, connectWithHistory, delays, human, server, storage, until } from "./connected-client";

describe("a message", () => {
  it("is sent when the one before is acknowledged", async () => {
    const [client, peer] = await connectWithHistory();
    client.sendMessage(" One \n");
    client.sendMessage("   ");
    client.sendMessage("Two");
    const one = await peer.next();
    expect(one).toEqual({ type: "message", id: client.current().chat.unsent[0]!.id, msg: "One" });
    expect(peer.unread).toEqual([]);
    peer.send({ type: "ack", id: one.id, position: 0 });
    expect(await peer.next()).toMatchObject({ msg: "Two" });
    expect(client.current().chat.messages).toMatchObject([{ msg: "One" }]);
    expect(client.current().chat.unsent).toMatchObject([{ msg: "Two" }]);
  });

  it("that was written offline is stored, and sent with its id after a reload", async () => {
    const before = connect();
    before.connection.close();
    before.sendMessage("One");
    before.sendMessage("Two");
    const ids = before.current().chat.unsent.map(({ id }) => id);

    const client = connect();
    expect(client.current().chat.unsent.map(({ id }) => id)).toEqual(ids);
    const peer = await acceptWithHistory();
    expect(await peer.next()).toEqual({ type: "message", id: ids[0], msg: "One" });
    peer.send({ type: "ack", id: ids[0]!, position: 0 });
    expect(await peer.next()).toEqual({ type: "message", id: ids[1], msg: "Two" });
    peer.send({ type: "ack", id: ids[1]!, position: 0 });
    await until(client, ({ chat }) => !chat.unsent.length);
    expect(new UnsentMessages("one", storage).load()).toEqual([]);
  });

  it("is sent again with the same id on the next connection, unless the history contains it", async () => {
    const [client, first] = await connectWithHistory();
    client.sendMessage("One");
    client.sendMessage("Two");
    const one = await first.next();
    first.socket.terminate();
    const second = await acceptWithHistory();
    expect(await second.next()).toEqual(one);
    second.socket.terminate();
    const third = await acceptWithHistory(server.accept(), human(one.id, "One"));
    const two = await third.next();
    expect(two).toMatchObject({ type: "message", msg: "Two" });
    expect(two.id).not.toBe(one.id);
  });

  it("is sent again with the same id before the next one, if the server was busy", async () => {
    const [client, peer] = await connectWithHistory();
    client.sendMessage("One");
    client.sendMessage("Two");
    const one = await peer.next();
    peer.send({ type: "error", code: "busy", msg: "Busy.", id: one.id, retry_after: 0.02 });
    expect(await peer.next()).toEqual(one);
    expect(client.current().chat.unsent.every(({ refused }) => !refused)).toBe(true);
  });

  it("is not sent again before the server's retry_after", async () => {
    const [client, peer] = await connectWithHistory(human("h1"));
    await peer.next(); // the request for the position of h1
    peer.send({ type: "ack", id: "h1", position: 1 });
    client.sendMessage("One");
    const one = await peer.next();
    peer.send({ type: "error", code: "busy", msg: "Busy.", id: one.id, retry_after: 60 });
    peer.send({ type: "message", ...human("h2") });
    await until(client, ({ chat }) => chat.messages.length === 2);
    client.stop();
    expect(await peer.next()).toEqual({ type: "stop", id: "h1" });
  });

  it("that is refused stays unsent with the reason, and the next one is sent", async () => {
    const [client, peer] = await connectWithHistory();
    client.sendMessage("Bad");
    client.sendMessage("Good");
    const bad = await peer.next();
    peer.send({ type: "error", code: "too_long", msg: "Too long.", id: bad.id });
    expect(await peer.next()).toMatchObject({ msg: "Good" });
    expect(client.current().chat.unsent[0]).toMatchObject({ msg: "Bad", refused: "Too long." });

    expect(client.removeUnsent(bad.id)).toBe("Bad");
    expect(client.current().chat.unsent).toMatchObject([{ msg: "Good" }]);
    expect(new UnsentMessages("one", storage).load()).toMatchObject([{ msg: "Good" }]);
  });

  it("that was refused can be sent again", async () => {
    const [client, peer] = await connectWithHistory();
    client.sendMessage("Hm");
    const { id } = await peer.next();
    peer.send({ type: "error", code: "internal", msg: "Our fault.", id });
    await until(client, ({ chat }) => chat.unsent[0]?.refused === "Our fault.");
    client.resend(id);
    expect(await peer.next()).toEqual({ type: "message", id, msg: "Hm" });
  });

  it("that is too big for a frame is refused, and not sent again and again", async () => {
    const [client] = await connectWithHistory();
    client.sendMessage("x".repeat(70_000));
    const back = await acceptWithHistory();
    const { chat } = await until(client, ({ chat, status }) => status === "connected" && chat.unsent.length > 0);
    expect(delays[0]?.code).toBe(1009);
    expect(chat.unsent[0]?.refused).toContain("too long");
    client.sendMessage("Short");
    expect(await back.next()).toMatchObject({ msg: "Short" });
  });

  it("is sent on a new connection if it is not acknowledged in time", async () => {
    const client = connect({ responseTimeout: 50 });
    const unresponsive = await acceptWithHistory();
    await until(client, connected);
    client.sendMessage("One");
    const one = await unresponsive.next();
    await unresponsive.closed;
    expect(await (await acceptWithHistory()).next()).toEqual(one);
  });
});

describe("the position of a message", () => {
  it("is requested until its reply starts", async () => {
    const client = connect({ positionInterval: 20 });
    const peer = await acceptWithHistory(server.accept(), human("h1"));
    const request: ClientRequest = { type: "message", id: "h1", msg: "Hello" };
    for (const position of [2, 1]) {
      expect(await peer.next()).toEqual(request);
      peer.send({ type: "ack", id: "h1", position });
      await until(client, ({ chat }) => chat.positions["h1"] === position);
    }
    expect(await peer.next()).toEqual(request);
    peer.send({ type: "start", id: "b1", reply_to: "h1", attempt: 1 }, { type: "ack", id: "h1", position: 0 });
    await until(client, ({ chat }) => chat.messages.length === 2);
    client.stop();
    expect(await peer.next()).toMatchObject({ type: "stop" });
  });
});
