import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";

import { Connection, type ConnectionFailure, type Options, type State } from "../src/connection";
import type { ClientRequest, Message, ServerFrame } from "../src/frames";
import { unanswered } from "../src/reducer";
import type { SessionStatus } from "../src/sessions";
import type { BrowserStorage } from "../src/storage";
import { UnsentMessages } from "../src/unsent-messages";
import { memoryStorage } from "./memory-storage";
import { type Peer, TestServer } from "./test-server";

const TOKEN = "0b0e5d5e-1f4e-4b8e-9d3a-7a9b6a2f1c00";

/** A WebSocket that does not throw on errors, as in browsers. A close event follows each error. */
class BrowserWebSocket extends NodeWebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    this.on("error", () => undefined);
  }
}

let server: TestServer;
let storage: BrowserStorage;
let connections: Connection[];
let delays: { code: number; attempt: number }[];

beforeEach(async () => {
  server = await TestServer.start();
  storage = memoryStorage();
  connections = [];
  delays = [];
});

afterEach(() => {
  for (const connection of connections) connection.close();
  server.stop();
});

function connect(options: Partial<Options> = {}): Connection {
  const connection = new Connection({
    url: server.url,
    token: TOKEN,
    unsentMessages: new UnsentMessages("one", storage),
    sessionStatus: async () => "unreachable",
    Socket: BrowserWebSocket as unknown as typeof WebSocket,
    backoff: (code, attempt) => {
      delays.push({ code, attempt });
      return 1;
    },
    ...options,
  });
  connections.push(connection);
  connection.open();
  return connection;
}

/** Wait until the state of a connection fulfils a condition. */
function until(connection: Connection, condition: (state: State) => boolean): Promise<State> {
  return new Promise((resolve) => {
    const check = () => {
      if (!condition(connection.current())) return;
      unsubscribe();
      resolve(connection.current());
    };
    const unsubscribe = connection.subscribe(check);
    check();
  });
}

const connected = ({ status }: State) => status === "connected";
const ended = ({ status }: State) => status === "ended";

function history(...messages: Message[]): ServerFrame {
  return { type: "history", session: { name: "Ada", session_start: "2026-01-31T09:30:00+00:00" }, messages };
}

function human(id: string, msg = "Hello"): Message {
  return { id, source: "human", msg, timestamp: "2026-01-31T09:31:00+00:00" };
}

function reply(id: string, reply_to: string, status: "done" | "streaming" = "done"): Message {
  return { id, source: "bot", msg: "Hi", timestamp: "2026-01-31T09:31:01+00:00", reply_to, status, n: 1 };
}

/** Accept a WebSocket and send it a history. */
async function acceptWithHistory(accepted: Promise<Peer> = server.accept(), ...messages: Message[]): Promise<Peer> {
  const peer = await accepted;
  peer.send(history(...messages));
  return peer;
}

describe("connecting", () => {
  it("sends the token in a subprotocol only, and is connected when the history has arrived", async () => {
    const connection = connect();
    const peer = await server.accept();
    expect(server.handshakes).toEqual([{ url: "/chat", protocols: ["chat.events.v1", `bearer.${TOKEN}`] }]);
    expect(connection.current().status).toBe("connecting");
    peer.send(history(human("h1")));
    expect((await until(connection, connected)).chat.messages).toHaveLength(1);
  });

  it("reconnects after each close, with a back-off that depends on the close code and the attempt", async () => {
    const connection = connect();
    (await acceptWithHistory()).socket.close(1012);
    await until(connection, ({ status }) => status === "disconnected");
    (await acceptWithHistory()).socket.terminate();
    await acceptWithHistory();
    await until(connection, connected);
    expect(delays).toEqual([
      { code: 1012, attempt: 0 },
      { code: 1006, attempt: 1 },
    ]);
  });

  it("reconnects for the history when a delta is missing", async () => {
    const connection = connect();
    const peer = await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    peer.send({ type: "delta", id: "b1", n: 3, text: "?" });
    await acceptWithHistory(server.accept(), human("h1"), reply("b2", "h1"));
    const { chat } = await until(connection, ({ chat }) => chat.messages[1]?.id === "b2");
    expect(chat.messages).toHaveLength(2);
  });

  it("closes a WebSocket on which no history arrives", async () => {
    connect({ historyTimeout: 20 });
    const silent = await server.accept();
    await silent.closed;
    await server.accept();
    expect(delays[0]?.code).toBe(1006);
  });

  it("reconnects at once when reconnectNow is called", async () => {
    const connection = connect({ backoff: () => 60_000 });
    (await acceptWithHistory()).socket.terminate();
    await until(connection, ({ status }) => status === "disconnected");
    connection.reconnectNow();
    await acceptWithHistory();
    await until(connection, connected);
  });

  it("does not reconnect when the session has ended", async () => {
    const connection = connect();
    (await acceptWithHistory()).socket.close(1008);
    await until(connection, ended);
    connection.reconnectNow();
    connection.open();
    expect(server.handshakes).toHaveLength(1);
    expect(delays).toEqual([]);
  });

  it("checks the session after each failed handshake, and ends if it is gone", async () => {
    server.refusesHandshakes = true;
    let checks = 0;
    const connection = connect({ sessionStatus: async () => (++checks === 3 ? "gone" : "unreachable") });
    await until(connection, ended);
    expect(server.handshakes.length).toBeGreaterThanOrEqual(3);
    expect(checks).toBe(3);
  });

  it("reports a refusal when two handshakes failed in a row while HTTP was answered", async () => {
    server.refusesHandshakes = true;
    const statuses: SessionStatus[] = ["unreachable", "refused", "refused"];
    const failures: (ConnectionFailure | null)[] = [];
    const connection = connect({
      sessionStatus: async () => {
        failures.push(connection.current().failure);
        return statuses.shift() ?? "refused";
      },
    });
    await until(connection, ({ failure }) => failure === "refused");
    expect(failures).toEqual([null, null, null]);
    await until(connection, ({ status, failure }) => status === "connecting" && failure === "refused");
    server.refusesHandshakes = false;
    await acceptWithHistory();
    expect((await until(connection, connected)).failure).toBeNull();
  });

  it("reports a busy server, until it is unreachable", async () => {
    server.refusesHandshakes = true;
    const statuses: SessionStatus[] = ["busy", "unreachable"];
    const connection = connect({ sessionStatus: async () => statuses.shift() ?? "unreachable" });
    await until(connection, ({ failure }) => failure === "busy");
    await until(connection, ({ failure }) => failure === null);
  });

  it("reports a refusal when a WebSocket opens and no history arrives", async () => {
    const connection = connect({ historyTimeout: 20, sessionStatus: async () => "refused" });
    await until(connection, ({ failure }) => failure === "refused");
  });

  it("ignores unknown frames and fields", async () => {
    const connection = connect();
    const peer = await acceptWithHistory();
    peer.send({ type: "weather", day: "tomorrow" }, { ...human("h1"), type: "message", mood: "good" });
    peer.socket.send("not JSON");
    peer.send({ type: "message", ...human("h2") });
    const { chat, status } = await until(connection, ({ chat }) => chat.messages.length === 2);
    expect(chat.messages[0]).toMatchObject({ id: "h1", msg: "Hello" });
    expect(status).toBe("connected");
  });
});

describe("a message", () => {
  it("is sent when the one before is acknowledged", async () => {
    const connection = connect();
    const peer = await acceptWithHistory();
    await until(connection, connected);
    connection.sendMessage(" One \n");
    connection.sendMessage("   ");
    connection.sendMessage("Two");
    const one = await peer.next();
    expect(one).toEqual({ type: "message", id: connection.current().chat.unsent[0]!.id, msg: "One" });
    expect(peer.unread).toEqual([]);
    peer.send({ type: "ack", id: one.id, position: 0 });
    expect(await peer.next()).toMatchObject({ msg: "Two" });
    expect(connection.current().chat.messages).toMatchObject([{ msg: "One" }]);
    expect(connection.current().chat.unsent).toMatchObject([{ msg: "Two" }]);
  });

  it("that was written offline is stored, and sent with its id after a reload", async () => {
    const before = connect();
    before.close();
    before.sendMessage("One");
    before.sendMessage("Two");
    const ids = before.current().chat.unsent.map(({ id }) => id);

    const connection = connect();
    expect(connection.current().chat.unsent.map(({ id }) => id)).toEqual(ids);
    const peer = await acceptWithHistory();
    expect(await peer.next()).toEqual({ type: "message", id: ids[0], msg: "One" });
    peer.send({ type: "ack", id: ids[0]!, position: 0 });
    expect(await peer.next()).toEqual({ type: "message", id: ids[1], msg: "Two" });
    peer.send({ type: "ack", id: ids[1]!, position: 0 });
    await until(connection, ({ chat }) => !chat.unsent.length);
    expect(new UnsentMessages("one", storage).load()).toEqual([]);
  });

  it("is sent again with the same id on the next connection, unless the history contains it", async () => {
    const connection = connect();
    const first = await acceptWithHistory();
    await until(connection, connected);
    connection.sendMessage("One");
    connection.sendMessage("Two");
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
    const connection = connect();
    const peer = await acceptWithHistory();
    await until(connection, connected);
    connection.sendMessage("One");
    connection.sendMessage("Two");
    const one = await peer.next();
    peer.send({ type: "error", code: "busy", msg: "Busy.", id: one.id, retry_after: 0.02 });
    expect(await peer.next()).toEqual(one);
    expect(connection.current().chat.unsent.every(({ refused }) => !refused)).toBe(true);
  });

  it("that is refused stays unsent with the reason, and the next one is sent", async () => {
    const connection = connect();
    const peer = await acceptWithHistory();
    await until(connection, connected);
    connection.sendMessage("Bad");
    connection.sendMessage("Good");
    const bad = await peer.next();
    peer.send({ type: "error", code: "too_long", msg: "Too long.", id: bad.id });
    expect(await peer.next()).toMatchObject({ msg: "Good" });
    expect(connection.current().chat.unsent[0]).toMatchObject({ msg: "Bad", refused: "Too long." });

    expect(connection.removeUnsent(bad.id)).toBe("Bad");
    expect(connection.current().chat.unsent).toMatchObject([{ msg: "Good" }]);
    expect(new UnsentMessages("one", storage).load()).toMatchObject([{ msg: "Good" }]);
  });

  it("that was refused can be sent again", async () => {
    const connection = connect();
    const peer = await acceptWithHistory();
    await until(connection, connected);
    connection.sendMessage("Hm");
    const { id } = await peer.next();
    peer.send({ type: "error", code: "internal", msg: "Our fault.", id });
    await until(connection, ({ chat }) => chat.unsent[0]?.refused === "Our fault.");
    connection.resend(id);
    expect(await peer.next()).toEqual({ type: "message", id, msg: "Hm" });
  });

  it("that is too big for a frame is refused, and not sent again and again", async () => {
    const connection = connect();
    await acceptWithHistory();
    await until(connection, connected);
    connection.sendMessage("x".repeat(70_000));
    const back = await acceptWithHistory();
    const { chat } = await until(connection, ({ chat, status }) => status === "connected" && chat.unsent.length > 0);
    expect(delays[0]?.code).toBe(1009);
    expect(chat.unsent[0]?.refused).toContain("too long");
    connection.sendMessage("Short");
    expect(await back.next()).toMatchObject({ msg: "Short" });
  });

  it("is sent on a new connection if it is not acknowledged in time", async () => {
    const connection = connect({ responseTimeout: 50 });
    const unresponsive = await acceptWithHistory();
    await until(connection, connected);
    connection.sendMessage("One");
    const one = await unresponsive.next();
    await unresponsive.closed;
    expect(await (await acceptWithHistory()).next()).toEqual(one);
  });
});

describe("a silent connection", () => {
  const heartbeatTimings = { pendingInterval: 20, idleInterval: 60_000, pongTimeout: 20 };

  it("is replaced at once if a ping during a reply is not answered", async () => {
    const connection = connect({ heartbeatTimings, backoff: () => 60_000 });
    const silent = await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    expect(await silent.next()).toEqual({ type: "ping" });
    await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1"));
    const { chat } = await until(connection, ({ chat }) => !unanswered(chat).length);
    expect(chat.messages).toHaveLength(2);
  });

  it("stays if any frame follows the ping", async () => {
    const connection = connect({ heartbeatTimings });
    const peer = await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    await until(connection, connected);
    for (let beat = 0; beat < 5; beat++) {
      expect(await peer.next()).toEqual({ type: "ping" });
      if (beat % 2) peer.send({ type: "pong" });
      else peer.socket.send("not JSON");
    }
    expect(connection.current().status).toBe("connected");
    expect(server.handshakes).toHaveLength(1);
  });

  it("is replaced soon after check is called", async () => {
    const connection = connect({ heartbeatTimings: { pendingInterval: 60_000, idleInterval: 60_000, pongTimeout: 20 } });
    const peer = await acceptWithHistory();
    await until(connection, connected);
    connection.check();
    expect(await peer.next()).toEqual({ type: "ping" });
    await acceptWithHistory();
    await until(connection, connected);
    expect(server.handshakes).toHaveLength(2);
  });
});

describe("the position of a message", () => {
  it("is requested until its reply starts", async () => {
    const connection = connect({ positionInterval: 20 });
    const peer = await acceptWithHistory(server.accept(), human("h1"));
    const request: ClientRequest = { type: "message", id: "h1", msg: "Hello" };
    for (const position of [2, 1]) {
      expect(await peer.next()).toEqual(request);
      peer.send({ type: "ack", id: "h1", position });
      await until(connection, ({ chat }) => chat.positions["h1"] === position);
    }
    expect(await peer.next()).toEqual(request);
    peer.send({ type: "start", id: "b1", reply_to: "h1", attempt: 1 }, { type: "ack", id: "h1", position: 0 });
    await until(connection, ({ chat }) => chat.messages.length === 2);
    connection.stop();
    expect(await peer.next()).toMatchObject({ type: "stop" });
  });
});

describe("stop and retry", () => {
  it("apply to the oldest unanswered and to the last message", async () => {
    const connection = connect();
    const peer = await acceptWithHistory(server.accept(), human("h1"), reply("b1", "h1", "streaming"), human("h2"));
    await until(connection, connected);
    connection.retry(); // ignored: a reply is streaming
    connection.stop();
    expect(await peer.next()).toEqual({ type: "stop", id: "h1" });
    peer.send({ type: "message", ...reply("b1", "h1") }, { type: "message", ...reply("b2", "h2") });
    await until(connection, ({ chat }) => chat.messages.length === 4);
    connection.stop(); // ignored: nothing to stop
    connection.retry();
    connection.retry(); // ignored: a retry is pending
    expect(await peer.next()).toEqual({ type: "retry", id: "h2" });
    peer.send({ type: "ack", id: "h2", position: 0 });
    const { chat } = await until(connection, ({ chat }) => chat.messages.length === 3);
    expect(chat.messages.map(({ id }) => id)).toEqual(["h1", "b1", "h2"]);
    expect(peer.unread).toEqual([]);
  });
});
