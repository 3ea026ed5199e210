import { describe, expect, it } from "vitest";

import { unanswered } from "../src/chat-state";
import type { ConnectionFailure } from "../src/connection";
import type { SessionStatus } from "../src/http-client";
import { KEEPALIVE_TIMINGS } from "../src/keepalive";
import { acceptWithHistory, connect, connected, delays, ended, history, human, reply, server, TOKEN, until } from "./connected-client";

describe("connecting", () => {
  it("sends the token in a subprotocol only, and is connected when the history has arrived", async () => {
    const client = connect();
    const peer = await server.accept();
    expect(server.handshakes).toEqual([{ url: "/chat", protocols: ["chat.events.v1", `bearer.${TOKEN}`] }]);
    expect(client.current().status).toBe("connecting");
    peer.send(history(human("h1")));
    expect((await until(client, connected)).chat.messages).toHaveLength(1);
  });

  it("reconnects after each close, with a back-off that depends on the close code and the attempt", async () => {
    const client = connect();
    (await acceptWithHistory()).socket.close(1012);
    await until(client, ({ status }) => status === "disconnected");
    (await acceptWithHistory()).socket.terminate();
    await acceptWithHistory();
    await until(client, connected);
    expect(delays).toEqual([
      { code: 1012, attempt: 0 },
      { code: 1006, attempt: 1 },
    ]);
  });

  it("reconnects for the history when a delta is missing", async () => {
    const client = connect();
    const peer = await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    peer.send({ type: "delta", id: "b1", n: 3, text: "?" });
    await acceptWithHistory(server.accept(), human("h1"), reply("b2", "h1"));
    const { chat } = await until(client, ({ chat }) => chat.messages[1]?.id === "b2");
    expect(chat.messages).toHaveLength(2);
  });

  it("closes a WebSocket on which no history arrives", async () => {
    connect({ historyTimeout: 20 });
    const silent = await server.accept();
    await silent.closed;
    await server.accept();
    expect(delays[0]?.code).toBe(1006);
  });

  it("keeps a WebSocket on which the history has arrived", async () => {
    connect({ historyTimeout: 20, keepaliveTimings: { ...KEEPALIVE_TIMINGS, pendingInterval: 60 } });
    const peer = await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    expect(await peer.next()).toEqual({ type: "ping" }); // later than the timeout of the history
    expect(server.handshakes).toHaveLength(1);
  });

  it("reconnects at once when reconnectNow is called", async () => {
    const client = connect({ backoff: () => 60_000 });
    (await acceptWithHistory()).socket.terminate();
    await until(client, ({ status }) => status === "disconnected");
    client.connection.reconnectNow();
    await acceptWithHistory();
    await until(client, connected);
  });

  it("does not reconnect when the session has ended", async () => {
    const client = connect();
    (await acceptWithHistory()).socket.close(1008);
    await until(client, ended);
    client.connection.reconnectNow();
    client.connection.open();
    expect(server.handshakes).toHaveLength(1);
    expect(delays).toEqual([]);
  });

  it("checks the session after each failed handshake, and ends if it is gone", async () => {
    server.refusesHandshakes = true;
    let checks = 0;
    const client = connect({ sessionStatus: async () => (++checks === 3 ? "gone" : "unreachable") });
    await until(client, ended);
    expect(server.handshakes.length).toBeGreaterThanOrEqual(3);
    expect(checks).toBe(3);
  });

  it("reports a refusal when two handshakes failed in a row while HTTP was answered", async () => {
    server.refusesHandshakes = true;
    const statuses: SessionStatus[] = ["unreachable", "refused", "refused"];
    const failures: (ConnectionFailure | null)[] = [];
    const client = connect({
      sessionStatus: async () => {
        failures.push(client.current().failure);
        return statuses.shift() ?? "refused";
      },
    });
    await until(client, ({ failure }) => failure === "refused");
    expect(failures).toEqual([null, null, null]);
    await until(client, ({ status, failure }) => status === "connecting" && failure === "refused");
    server.refusesHandshakes = false;
    await acceptWithHistory();
    expect((await until(client, connected)).failure).toBeNull();
  });

  it("reports no refusal when a connection lies between two failed handshakes", async () => {
    server.refusesHandshakes = true;
    const failures: (ConnectionFailure | null)[] = [];
    const checked = new Promise<void>((resolve) => {
      const client = connect({
        sessionStatus: async () => {
          failures.push(client.current().failure);
          server.refusesHandshakes = failures.length !== 1;
          if (failures.length < 3) return "refused";
          resolve();
          return "unreachable";
        },
      });
    });
    const peer = await acceptWithHistory();
    server.refusesHandshakes = true;
    peer.socket.terminate();
    await checked;
    expect(failures).toEqual([null, null, null]);
  });

  it("reports a busy server, until it is unreachable", async () => {
    server.refusesHandshakes = true;
    const statuses: SessionStatus[] = ["busy", "unreachable"];
    const client = connect({ sessionStatus: async () => statuses.shift() ?? "unreachable" });
    await until(client, ({ failure }) => failure === "busy");
    await until(client, ({ failure }) => failure === null);
  });

  it("reports a refusal when a WebSocket opens and no history arrives", async () => {
    const client = connect({ historyTimeout: 20, sessionStatus: async () => "refused" });
    await until(client, ({ failure }) => failure === "refused");
  });

  it("ignores unknown frames and fields", async () => {
    const client = connect();
    const peer = await acceptWithHistory();
    peer.send({ type: "weather", day: "tomorrow" }, { ...human("h1"), type: "message", mood: "good" });
    peer.socket.send("not JSON");
    peer.send({ type: "message", ...human("h2") });
    const { chat, status } = await until(client, ({ chat }) => chat.messages.length === 2);
    expect(chat.messages[0]).toMatchObject({ id: "h1", msg: "Hello" });
    expect(status).toBe("connected");
  });
});

describe("a silent connection", () => {
  const keepaliveTimings = { pendingInterval: 20, idleInterval: 60_000, pongTimeout: 20 };

  it("is replaced at once if a ping during a reply is not answered", async () => {
    const client = connect({ keepaliveTimings, backoff: () => 60_000 });
    const silent = await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    expect(await silent.next()).toEqual({ type: "ping" });
    await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1"));
    const { chat } = await until(client, ({ chat }) => !unanswered(chat).length);
    expect(chat.messages).toHaveLength(2);
  });

  it("stays if any frame follows the ping", async () => {
    const client = connect({ keepaliveTimings });
    const peer = await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    await until(client, connected);
    for (let beat = 0; beat < 5; beat++) {
      expect(await peer.next()).toEqual({ type: "ping" });
      if (beat % 2) peer.send({ type: "pong" });
      else peer.socket.send("not JSON");
    }
    expect(client.current().status).toBe("connected");
    expect(server.handshakes).toHaveLength(1);
  });

  it("is replaced soon after check is called", async () => {
    const client = connect({ keepaliveTimings: { pendingInterval: 60_000, idleInterval: 60_000, pongTimeout: 20 } });
    const peer = await acceptWithHistory();
    await until(client, connected);
    client.connection.check();
    expect(await peer.next()).toEqual({ type: "ping" });
    await acceptWithHistory();
    await until(client, connected);
    expect(server.handshakes).toHaveLength(2);
  });
});
