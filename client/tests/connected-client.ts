// A session client that is connected to a `TestServer`, and the frames that the server sends.

import { afterEach, beforeEach } from "vitest";
import { WebSocket as NodeWebSocket } from "ws";

import type { Message, ServerFrame } from "../src/frames";
import { type Options, SessionClient, type State } from "../src/session-client";
import type { BrowserStorage } from "../src/storage";
import { UnsentMessages } from "../src/unsent-messages";
import { memoryStorage } from "./memory-storage";
import { type Peer, TestServer } from "./test-server";

export const TOKEN = "0b0e5d5e-1f4e-4b8e-9d3a-7a9b6a2f1c00";

/** A WebSocket that does not throw on errors, as in browsers. A close event follows each error. */
class BrowserWebSocket extends NodeWebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    this.on("error", () => undefined);
  }
}

export let server: TestServer;
export let storage: BrowserStorage;
/** The calls of the back-off. */
export let delays: { code: number; attempt: number }[];
let clients: SessionClient[];

beforeEach(async () => {
  server = await TestServer.start();
  storage = memoryStorage();
  clients = [];
  delays = [];
});

afterEach(() => {
  for (const client of clients) client.connection.close();
  server.stop();
});

/** Return a client that connects to the server. */
export function connect(options: Partial<Options> = {}): SessionClient {
  const client = new SessionClient({
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
  clients.push(client);
  client.connection.open();
  return client;
}

/** Wait until the state of a client fulfils a condition. */
export function until(client: SessionClient, condition: (state: State) => boolean): Promise<State> {
  return new Promise((resolve) => {
    const check = () => {
      if (!condition(client.current())) return;
      unsubscribe();
      resolve(client.current());
    };
    const unsubscribe = client.subscribe(check);
    check();
  });
}

export const connected = ({ status }: State) => status === "connected";
export const ended = ({ status }: State) => status === "ended";

export function history(...messages: Message[]): ServerFrame {
  return { type: "history", session: { name: "Ada", session_start: "2026-01-31T09:30:00+00:00" }, messages };
}

export function human(id: string, msg = "Hello"): Message {
  return { id, source: "human", msg, timestamp: "2026-01-31T09:31:00+00:00" };
}

export function reply(id: string, reply_to: string, status: "done" | "streaming" = "done"): Message {
  return { id, source: "bot", msg: "Hi", timestamp: "2026-01-31T09:31:01+00:00", reply_to, status, n: 1 };
}

/** Accept a WebSocket and send it a history. */
export async function acceptWithHistory(
  accepted: Promise<Peer> = server.accept(),
  ...messages: Message[]
): Promise<Peer> {
  const peer = await accepted;
  peer.send(history(...messages));
  return peer;
}

/** Return a connected client, and the server's side of its WebSocket. */
export async function connectWithHistory(...messages: Message[]): Promise<[SessionClient, Peer]> {
  const client = connect();
  const peer = await acceptWithHistory(server.accept(), ...messages);
  await until(client, connected);
  return [client, peer];
}
