// A WebSocket server on the loopback interface, controlled by the test.

import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { type WebSocket, WebSocketServer } from "ws";

import type { ClientRequest, ServerFrame } from "../src/frames";

export class TestServer {
  private readonly accepted: Peer[] = [];
  private readonly waiters: ((peer: Peer) => void)[] = [];
  /** The URL and the subprotocols of each handshake. */
  readonly handshakes: { url: string; protocols: string[] }[] = [];
  /** Whether handshakes are answered with 403. */
  refusesHandshakes = false;

  private constructor(private readonly server: WebSocketServer) {
    server.on("connection", (socket) => {
      const peer = new Peer(socket);
      const resolve = this.waiters.shift();
      if (resolve) resolve(peer);
      else this.accepted.push(peer);
    });
  }

  static async start(): Promise<TestServer> {
    const server: WebSocketServer = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      maxPayload: 64 * 1024,
      verifyClient: ({ req }: { req: { url?: string; headers: Record<string, unknown> } }) => {
        const protocols = String(req.headers["sec-websocket-protocol"]).split(/, ?/);
        started.handshakes.push({ url: req.url ?? "", protocols });
        return !started.refusesHandshakes;
      },
    });
    const started = new TestServer(server);
    await once(server, "listening");
    return started;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/chat`;
  }

  /** Return the server's side of the next WebSocket. */
  accept(): Promise<Peer> {
    const peer = this.accepted.shift();
    return peer ? Promise.resolve(peer) : new Promise((resolve) => this.waiters.push(resolve));
  }

  stop(): void {
    for (const socket of this.server.clients) socket.terminate();
    this.server.close();
  }
}

/** The server's side of one WebSocket. */
export class Peer {
  private readonly frames: ClientRequest[] = [];
  private readonly waiters: ((frame: ClientRequest) => void)[] = [];
  readonly closed: Promise<unknown>;

  constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined); // a frame was too big; a close event follows
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      const resolve = this.waiters.shift();
      if (resolve) resolve(frame);
      else this.frames.push(frame);
    });
  }

  send(...frames: (ServerFrame | object)[]): void {
    for (const frame of frames) this.socket.send(JSON.stringify(frame));
  }

  /** Return the client's next frame. */
  next(): Promise<ClientRequest> {
    const frame = this.frames.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.waiters.push(resolve));
  }

  /** The frames that arrived and were not returned by `next`. */
  get unread(): readonly ClientRequest[] {
    return this.frames;
  }
}
