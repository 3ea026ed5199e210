// The WebSocket of one session. It is opened again after each close, until the session has ended.

import { backoff } from "./backoff";
import { type ClientRequest, type Ping, SUBPROTOCOL } from "./frames";
import type { SessionStatus } from "./http-client";
import { Keepalive, type KeepaliveTimings } from "./keepalive";

/** The WebSocket is closed if the history does not arrive within this time. */
const HISTORY_TIMEOUT = 10_000; // ms
/** One handshake can fail because the server is starting. This many in a row are a refusal. */
const MIN_REFUSED_HANDSHAKES = 2;
/** The back-off starts again from its first delay after a connection of at least this duration. */
const STABLE_CONNECTION = 5_000; // ms

// Close codes.
const NORMAL_CLOSURE = 1000;
const ABNORMAL_CLOSURE = 1006; // no close frame was received
const SESSION_GONE = 1008;
export const MESSAGE_TOO_BIG = 1009;

export type ConnectionStatus = "connecting" | "connected" | "disconnected" | "ended";

/** Why the WebSocket cannot be opened, if HTTP requests are answered. */
export type ConnectionFailure = "refused" | "busy";

export interface ConnectionState {
  status: ConnectionStatus;
  failure: ConnectionFailure | null;
}

export interface ConnectionOptions {
  url: string;
  token: string;
  /** Asks for the session's status over HTTP. Browsers do not report why a handshake failed. */
  sessionStatus: () => Promise<SessionStatus>;
  Socket?: typeof WebSocket;
  backoff?: typeof backoff;
  keepaliveTimings?: KeepaliveTimings;
  historyTimeout?: number;
}

export interface ConnectionCallbacks {
  /** A WebSocket message has arrived. After a history, call `historyReceived`. */
  onData: (data: unknown) => void;
  /** The WebSocket was closed, by either side. */
  onClose: (code: number) => void;
  onStateChange: (state: ConnectionState) => void;
  /** Whether the server has to send a reply or an acknowledgement. */
  isResponsePending: () => boolean;
}

export class Connection {
  private state: ConnectionState = { status: "connecting", failure: null };
  private socket: WebSocket | null = null;
  private attempts = 0; // to connect, since the last stable connection
  private refusedHandshakes = 0; // in a row, while HTTP requests were answered
  private isCheckingSession = false;
  private connectedSince = Infinity;
  private historyTimer: ReturnType<typeof setTimeout> | undefined;
  private reconnectTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly keepalive: Keepalive;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly callbacks: ConnectionCallbacks,
  ) {
    const sendPing = () => this.send({ type: "ping" });
    const onDead = () => {
      this.abort();
      this.reconnectNow();
    };
    const { isResponsePending } = callbacks;
    this.keepalive = new Keepalive({ sendPing, isResponsePending, onDead }, options.keepaliveTimings);
  }

  get isConnected(): boolean {
    return this.state.status === "connected";
  }

  /** Connect, and reconnect until `close` is called. */
  open(): void {
    clearTimeout(this.reconnectTimer);
    this.reconnectTimer = undefined;
    if (this.socket || this.state.status === "ended") return;
    this.update({ status: "connecting" });
    const { Socket = WebSocket, url, token, historyTimeout = HISTORY_TIMEOUT } = this.options;
    const socket = new Socket(url, [SUBPROTOCOL, `bearer.${token}`]);
    this.socket = socket;
    socket.onmessage = (event) => socket === this.socket && this.onMessage(event.data);
    socket.onclose = (event) => socket === this.socket && this.onClose(event.code);
    clearTimeout(this.historyTimer);
    this.historyTimer = setTimeout(() => this.abort(), historyTimeout);
  }

  /** Disconnect. `open` connects again. */
  close(): void {
    this.closeSocket(NORMAL_CLOSURE);
    clearTimeout(this.reconnectTimer);
    if (this.state.status !== "ended") this.update({ status: "connecting" });
  }

  /** If a reconnection is scheduled, do it now. */
  reconnectNow(): void {
    if (this.reconnectTimer !== undefined) this.open();
  }

  /** Check now whether the connection is alive. For events after which it may be dead. */
  check(): void {
    if (this.isConnected) this.keepalive.check();
    else this.reconnectNow();
  }

  /** Drop the WebSocket without waiting for its close event, and schedule a reconnection. */
  abort(): void {
    if (this.socket) this.onClose(ABNORMAL_CLOSURE);
  }

  /** Send a frame, if there is a connection. */
  send(frame: ClientRequest | Ping): void {
    if (this.isConnected) this.socket?.send(JSON.stringify(frame));
  }

  /** Send a request that the server has to answer. */
  sendRequest(request: ClientRequest): void {
    this.send(request);
    this.keepalive.requestSent();
  }

  /** Call it when a history has arrived: the session is connected now. */
  historyReceived(): void {
    clearTimeout(this.historyTimer);
    this.connectedSince = Math.min(this.connectedSince, Date.now());
    this.refusedHandshakes = 0;
    this.keepalive.frameReceived();
    this.update({ status: "connected", failure: null });
  }

  private onMessage(data: unknown): void {
    if (this.isConnected) this.keepalive.frameReceived();
    this.callbacks.onData(data);
  }

  private onClose(code: number): void {
    // The handshake failed, or the WebSocket was closed before the history without a close frame.
    const failed = this.connectedSince === Infinity && code === ABNORMAL_CLOSURE;
    if (Date.now() - this.connectedSince >= STABLE_CONNECTION) this.attempts = 0;
    this.closeSocket(code);
    if (code === SESSION_GONE) return this.update({ status: "ended" });
    this.update({ status: "disconnected" });
    const delay = (this.options.backoff ?? backoff)(code, this.attempts++);
    this.reconnectTimer = setTimeout(() => this.open(), delay);
    if (failed) void this.checkSession();
    else this.update({ failure: null });
  }

  /** Find out over HTTP why the WebSocket could not be opened. */
  private async checkSession(): Promise<void> {
    if (this.isCheckingSession) return;
    this.isCheckingSession = true;
    const session = await this.options.sessionStatus();
    this.isCheckingSession = false;
    if (session === "gone") {
      clearTimeout(this.reconnectTimer);
      this.closeSocket(SESSION_GONE);
      return this.update({ status: "ended" });
    }
    if (this.isConnected) return;
    this.refusedHandshakes = session === "refused" ? this.refusedHandshakes + 1 : 0;
    if (this.refusedHandshakes >= MIN_REFUSED_HANDSHAKES) this.update({ failure: "refused" });
    else if (session !== "refused") this.update({ failure: session === "busy" ? "busy" : null });
  }

  private closeSocket(code: number): void {
    const socket = this.socket;
    this.socket = null;
    this.connectedSince = Infinity;
    clearTimeout(this.historyTimer);
    this.keepalive.stop();
    this.callbacks.onClose(code);
    socket?.close();
  }

  private update(change: Partial<ConnectionState>): void {
    this.state = { ...this.state, ...change };
    this.callbacks.onStateChange(this.state);
  }
}
