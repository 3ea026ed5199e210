// A WebSocket server on the loopback that does what the test says.

import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { type WebSocket, WebSocketServer } from "ws";

import type { Asked, Frame } from "../src/wire";

export class Server {
  private readonly sockets: Peer[] = [];
  private readonly awaited: ((peer: Peer) => void)[] = [];
  /** What was offered in each handshake. */
  readonly offers: { url: string; protocols: string[] }[] = [];
  /** Answer handshakes with 403. */
  refuses = false;

  private constructor(private readonly server: WebSocketServer) {
    server.on("connection", (socket) => {
      const peer = new Peer(socket);
      const take = this.awaited.shift();
      if (take) take(peer);
      else this.sockets.push(peer);
    });
  }

  static async start(): Promise<Server> {
    const server: WebSocketServer = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      maxPayload: 64 * 1024,
      verifyClient: ({ req }: { req: { url?: string; headers: Record<string, unknown> } }) => {
        const protocols = String(req.headers["sec-websocket-protocol"]).split(/, ?/);
        started.offers.push({ url: req.url ?? "", protocols });
        return !started.refuses;
      },
    });
    const started = new Server(server);
    await once(server, "listening");
    return started;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/chat`;
  }

  /** Return the next client that connects. */
  accept(): Promise<Peer> {
    const peer = this.sockets.shift();
    return peer ? Promise.resolve(peer) : new Promise((resolve) => this.awaited.push(resolve));
  }

  stop(): void {
    for (const socket of this.server.clients) socket.terminate();
    this.server.close();
  }
}

export class Peer {
  private readonly frames: Asked[] = [];
  private readonly awaited: ((frame: Asked) => void)[] = [];
  readonly closed: Promise<unknown>;

  constructor(readonly socket: WebSocket) {
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined); // a frame too big: the close that follows tells
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      const take = this.awaited.shift();
      if (take) take(frame);
      else this.frames.push(frame);
    });
  }

  send(...frames: (Frame | object)[]): void {
    for (const frame of frames) this.socket.send(JSON.stringify(frame));
  }

  /** Return the client's next frame. */
  next(): Promise<Asked> {
    const frame = this.frames.shift();
    return frame ? Promise.resolve(frame) : new Promise((resolve) => this.awaited.push(resolve));
  }

  /** Return what came and was not asked for. */
  get rest(): readonly Asked[] {
    return this.frames;
  }
}
