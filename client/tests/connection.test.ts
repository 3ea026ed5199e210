import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket as NodeSocket } from "ws";

import { Connection, type Options, type State, type Trouble } from "../src/connection";
import { unanswered } from "../src/fold";
import { Outbox } from "../src/outbox";
import type { Standing } from "../src/sessions";
import type { Entries } from "../src/storage";
import type { Asked, Frame, Message } from "../src/wire";
import { memory } from "./memory";
import { type Peer, Server } from "./server";

const TOKEN = "0b0e5d5e-1f4e-4b8e-9d3a-7a9b6a2f1c00";

/** A socket as browsers have it: an error is followed by a close and throws nothing. */
class Socket extends NodeSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    this.on("error", () => undefined);
  }
}

let server: Server;
let entries: Entries;
let connections: Connection[];
let pauses: { code: number; tries: number }[];

beforeEach(async () => {
  server = await Server.start();
  entries = memory();
  connections = [];
  pauses = [];
});

afterEach(() => {
  for (const connection of connections) connection.close();
  server.stop();
});

function connect(options: Partial<Options> = {}): Connection {
  const connection = new Connection({
    url: server.url,
    token: TOKEN,
    outbox: new Outbox("one", entries),
    standing: async () => "absent",
    Socket: Socket as unknown as typeof WebSocket,
    pause: (code, tries) => {
      pauses.push({ code, tries });
      return 1;
    },
    ...options,
  });
  connections.push(connection);
  connection.open();
  return connection;
}

/** Wait until a connection is in a state. */
function until(connection: Connection, holds: (state: State) => boolean): Promise<State> {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds(connection.current())) return;
      leave();
      resolve(connection.current());
    };
    const leave = connection.subscribe(look);
    look();
  });
}

const live = ({ link }: State) => link === "live";
const gone = ({ link }: State) => link === "gone";

function history(...messages: Message[]): Frame {
  return { type: "history", session: { name: "Ada", session_start: "2026-01-31T09:30:00+00:00" }, messages };
}

function human(id: string, msg = "Hello"): Message {
  return { id, source: "human", msg, timestamp: "2026-01-31T09:31:00+00:00" };
}

function reply(id: string, reply_to: string, status: "done" | "streaming" = "done"): Message {
  return { id, source: "bot", msg: "Hi", timestamp: "2026-01-31T09:31:01+00:00", reply_to, status, n: 1 };
}

async function welcomed(peer: Promise<Peer> = server.accept(), ...messages: Message[]): Promise<Peer> {
  const there = await peer;
  there.send(history(...messages));
  return there;
}

describe("connecting", () => {
  it("offers the token as a subprotocol and nowhere else, and is live once it has the history", async () => {
    const connection = connect();
    const peer = await server.accept();
    expect(server.offers).toEqual([{ url: "/chat", protocols: ["chat.events.v1", `bearer.${TOKEN}`] }]);
    expect(connection.current().link).toBe("connecting");
    peer.send(history(human("h1")));
    expect((await until(connection, live)).chat.messages).toHaveLength(1);
  });

  it("comes back after each cut, with the code and the count of tries deciding the pause", async () => {
    const connection = connect();
    (await welcomed()).socket.close(1012);
    await until(connection, ({ link }) => link === "away");
    (await welcomed()).socket.terminate();
    await welcomed();
    await until(connection, live);
    expect(pauses).toEqual([
      { code: 1012, tries: 0 },
      { code: 1006, tries: 1 },
    ]);
  });

  it("comes back for the history when a delta is missing", async () => {
    const connection = connect();
    const peer = await welcomed(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    peer.send({ type: "delta", id: "b1", n: 3, text: "?" });
    await welcomed(server.accept(), human("h1"), reply("b2", "h1"));
    const { chat } = await until(connection, ({ chat }) => chat.messages[1]?.id === "b2");
    expect(chat.messages).toHaveLength(2);
  });

  it("gives up a server that says nothing", async () => {
    connect({ welcomeWithin: 20 });
    const silent = await server.accept();
    await silent.closed;
    await server.accept();
    expect(pauses[0]?.code).toBe(1006);
  });

  it("tries at once when the network is back", async () => {
    const connection = connect({ pause: () => 60_000 });
    (await welcomed()).socket.terminate();
    await until(connection, ({ link }) => link === "away");
    connection.hurry();
    await welcomed();
    await until(connection, live);
  });

  it("leaves a session that has expired, and does not come back", async () => {
    const connection = connect();
    (await welcomed()).socket.close(1008);
    await until(connection, gone);
    connection.hurry();
    connection.open();
    expect(server.offers).toHaveLength(1);
    expect(pauses).toEqual([]);
  });

  it("asks why a handshake failed: gone is gone, anything else is tried again", async () => {
    server.refuses = true;
    let asked = 0;
    const connection = connect({ standing: async () => (++asked === 3 ? "gone" : "absent") });
    await until(connection, gone);
    expect(server.offers.length).toBeGreaterThanOrEqual(3);
    expect(asked).toBe(3);
  });

  it("says that it is refused once the server answered twice while it would not open the socket", async () => {
    server.refuses = true;
    const standings: Standing[] = ["absent", "refused", "refused"];
    const seen: (Trouble | null)[] = [];
    const connection = connect({
      standing: async () => {
        seen.push(connection.current().trouble);
        return standings.shift() ?? "refused";
      },
    });
    await until(connection, ({ trouble }) => trouble === "refused");
    expect(seen).toEqual([null, null, null]);
    await until(connection, ({ link, trouble }) => link === "connecting" && trouble === "refused");
    server.refuses = false;
    await welcomed();
    expect((await until(connection, live)).trouble).toBeNull();
  });

  it("tells a server that is busy, and one that is absent again", async () => {
    server.refuses = true;
    const standings: Standing[] = ["busy", "absent"];
    const connection = connect({ standing: async () => standings.shift() ?? "absent" });
    await until(connection, ({ trouble }) => trouble === "busy");
    await until(connection, ({ trouble }) => trouble === null);
  });

  it("takes a socket that opens and stays silent for refused too", async () => {
    const connection = connect({ welcomeWithin: 20, standing: async () => "refused" });
    await until(connection, ({ trouble }) => trouble === "refused");
  });

  it("ignores frames and fields that it does not know", async () => {
    const connection = connect();
    const peer = await welcomed();
    peer.send({ type: "weather", of: "tomorrow" }, { ...human("h1"), type: "message", mood: "good" });
    peer.socket.send("no json");
    peer.send({ type: "message", ...human("h2") });
    const { chat, link } = await until(connection, ({ chat }) => chat.messages.length === 2);
    expect(chat.messages[0]).toMatchObject({ id: "h1", msg: "Hello" });
    expect(link).toBe("live");
  });
});

describe("what is written", () => {
  it("is sent in turn, each once the one before is acknowledged", async () => {
    const connection = connect();
    const peer = await welcomed();
    await until(connection, live);
    connection.say(" One \n");
    connection.say("   ");
    connection.say("Two");
    const one = await peer.next();
    expect(one).toEqual({ type: "message", id: connection.current().chat.own[0]!.id, msg: "One" });
    expect(peer.rest).toEqual([]);
    peer.send({ type: "ack", id: one.id, position: 0 });
    expect(await peer.next()).toMatchObject({ msg: "Two" });
    expect(connection.current().chat.messages).toMatchObject([{ msg: "One" }]);
    expect(connection.current().chat.own).toMatchObject([{ msg: "Two" }]);
  });

  it("offline is kept and sent with its own id, though the page be loaded anew", async () => {
    const before = connect();
    before.close();
    before.say("One");
    before.say("Two");
    const ids = before.current().chat.own.map(({ id }) => id);

    const connection = connect();
    expect(connection.current().chat.own.map(({ id }) => id)).toEqual(ids);
    const peer = await welcomed();
    expect(await peer.next()).toEqual({ type: "message", id: ids[0], msg: "One" });
    peer.send({ type: "ack", id: ids[0]!, position: 0 });
    expect(await peer.next()).toEqual({ type: "message", id: ids[1], msg: "Two" });
    peer.send({ type: "ack", id: ids[1]!, position: 0 });
    await until(connection, ({ chat }) => !chat.own.length);
    expect(new Outbox("one", entries).load()).toEqual([]);
  });

  it("is sent again with the same id after a cut, unless the history has it", async () => {
    const connection = connect();
    const first = await welcomed();
    await until(connection, live);
    connection.say("One");
    connection.say("Two");
    const one = await first.next();
    first.socket.terminate();
    const second = await welcomed();
    expect(await second.next()).toEqual(one);
    second.socket.terminate();
    const third = await welcomed(server.accept(), human(one.id, "One"));
    const two = await third.next();
    expect(two).toMatchObject({ type: "message", msg: "Two" });
    expect(two.id).not.toBe(one.id);
  });

  it("is sent again after a while, with the same id and before what follows, when the server is busy", async () => {
    const connection = connect();
    const peer = await welcomed();
    await until(connection, live);
    connection.say("One");
    connection.say("Two");
    const one = await peer.next();
    peer.send({ type: "error", code: "busy", msg: "Busy.", id: one.id, retry_after: 0.02 });
    expect(await peer.next()).toEqual(one);
    expect(connection.current().chat.own.every(({ refused }) => !refused)).toBe(true);
  });

  it("stays with its reason when it is refused; what follows goes on", async () => {
    const connection = connect();
    const peer = await welcomed();
    await until(connection, live);
    connection.say("Bad");
    connection.say("Good");
    const bad = await peer.next();
    peer.send({ type: "error", code: "too_long", msg: "Too long.", id: bad.id });
    expect(await peer.next()).toMatchObject({ msg: "Good" });
    expect(connection.current().chat.own[0]).toMatchObject({ msg: "Bad", refused: "Too long." });

    expect(connection.takeBack(bad.id)).toBe("Bad");
    expect(connection.current().chat.own).toMatchObject([{ msg: "Good" }]);
    expect(new Outbox("one", entries).load()).toMatchObject([{ msg: "Good" }]);
  });

  it("goes out once more when the person asks for it", async () => {
    const connection = connect();
    const peer = await welcomed();
    await until(connection, live);
    connection.say("Hm");
    const { id } = await peer.next();
    peer.send({ type: "error", code: "internal", msg: "Our fault.", id });
    await until(connection, ({ chat }) => chat.own[0]?.refused === "Our fault.");
    connection.sayAgain(id);
    expect(await peer.next()).toEqual({ type: "message", id, msg: "Hm" });
  });

  it("that is too big for a frame is refused, not sent for ever", async () => {
    const connection = connect();
    await welcomed();
    await until(connection, live);
    connection.say("x".repeat(70_000));
    const back = await welcomed();
    const { chat } = await until(connection, ({ chat, link }) => link === "live" && chat.own.length > 0);
    expect(pauses[0]?.code).toBe(1009);
    expect(chat.own[0]?.refused).toContain("too long");
    connection.say("Short");
    expect(await back.next()).toMatchObject({ msg: "Short" });
  });

  it("without an acknowledgement in time is sent on a new connection", async () => {
    const connection = connect({ answerWithin: 50 });
    const deaf = await welcomed();
    await until(connection, live);
    connection.say("One");
    const one = await deaf.next();
    await deaf.closed;
    expect(await (await welcomed()).next()).toEqual(one);
  });
});

describe("a connection that went silent", () => {
  const beats = { owed: 20, idle: 60_000, answer: 20 };

  it("is left for a new one, at once, when a ping is not answered in mid-reply", async () => {
    const connection = connect({ beats, pause: () => 60_000 });
    const silent = await welcomed(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    expect(await silent.next()).toEqual({ type: "ping" });
    await welcomed(server.accept(), human("h1"), reply("b1", "h1"));
    const { chat } = await until(connection, ({ chat }) => !unanswered(chat).length);
    expect(chat.messages).toHaveLength(2);
  });

  it("stays when anything at all answers", async () => {
    const connection = connect({ beats });
    const peer = await welcomed(server.accept(), human("h1"), reply("b1", "h1", "streaming"));
    await until(connection, live);
    for (let beat = 0; beat < 5; beat++) {
      expect(await peer.next()).toEqual({ type: "ping" });
      if (beat % 2) peer.send({ type: "pong" });
      else peer.socket.send("no json");
    }
    expect(connection.current().link).toBe("live");
    expect(server.offers).toHaveLength(1);
  });

  it("is found out at once when the page is looked at again", async () => {
    const connection = connect({ beats: { owed: 60_000, idle: 60_000, answer: 20 } });
    const peer = await welcomed();
    await until(connection, live);
    connection.check();
    expect(await peer.next()).toEqual({ type: "ping" });
    await welcomed();
    await until(connection, live);
    expect(server.offers).toHaveLength(2);
  });
});

describe("a message that waits", () => {
  it("asks for its place until its reply begins", async () => {
    const connection = connect({ placeEvery: 20 });
    const peer = await welcomed(server.accept(), human("h1"));
    const asked: Asked = { type: "message", id: "h1", msg: "Hello" };
    for (const position of [2, 1]) {
      expect(await peer.next()).toEqual(asked);
      peer.send({ type: "ack", id: "h1", position });
      await until(connection, ({ chat }) => chat.places["h1"] === position);
    }
    expect(await peer.next()).toEqual(asked);
    peer.send({ type: "start", id: "b1", reply_to: "h1", attempt: 1 }, { type: "ack", id: "h1", position: 0 });
    await until(connection, ({ chat }) => chat.messages.length === 2);
    connection.stop();
    expect(await peer.next()).toMatchObject({ type: "stop" });
  });
});

describe("stop and retry", () => {
  it("name the oldest unanswered and the last message", async () => {
    const connection = connect();
    const peer = await welcomed(server.accept(), human("h1"), reply("b1", "h1", "streaming"), human("h2"));
    await until(connection, live);
    connection.retry(); // not yet
    connection.stop();
    expect(await peer.next()).toEqual({ type: "stop", id: "h1" });
    peer.send({ type: "message", ...reply("b1", "h1") }, { type: "message", ...reply("b2", "h2") });
    await until(connection, ({ chat }) => chat.messages.length === 4);
    connection.stop(); // nothing to stop
    connection.retry();
    connection.retry(); // it is under way
    expect(await peer.next()).toEqual({ type: "retry", id: "h2" });
    peer.send({ type: "ack", id: "h2", position: 0 });
    const { chat } = await until(connection, ({ chat }) => chat.messages.length === 3);
    expect(chat.messages.map(({ id }) => id)).toEqual(["h1", "b1", "h2"]);
    expect(peer.rest).toEqual([]);
  });
});
