// The connection of one chat to the server: it reconnects, sends the person's messages one after the
// other, and applies the server's frames to the chat.

import { backoff } from "./backoff";
import { type ClientRequest, parseFrame, type Ping, SUBPROTOCOL } from "./frames";
import { Heartbeat, type HeartbeatTimings } from "./heartbeat";
import { newId } from "./ids";
import { type Chat, EMPTY_CHAT, reduce, replyOf, retryable, unanswered, type UnsentMessage } from "./reducer";
import type { SessionStatus } from "./sessions";
import type { UnsentMessages } from "./unsent-messages";

/** The WebSocket is closed if the history does not arrive within this time. */
const HISTORY_TIMEOUT = 10_000; // ms
/** The WebSocket is closed if a request is not answered within this time. */
const RESPONSE_TIMEOUT = 15_000; // ms; a heartbeat needs as long to detect a dead connection
/** How often the position of the oldest unanswered message is requested. */
const POSITION_INTERVAL = 10_000; // ms
/** One handshake can fail because the server is starting. This many in a row are a refusal. */
const MIN_REFUSED_HANDSHAKES = 2;
/** The back-off starts again from its first delay after a connection of at least this duration. */
const STABLE_CONNECTION = 5_000; // ms
/** The upper bound of the server's `retry_after`. */
const MAX_RETRY_AFTER = 60_000; // ms

// Close codes.
const ABNORMAL_CLOSURE = 1006; // no close frame was received
const SESSION_GONE = 1008;
const MESSAGE_TOO_BIG = 1009;

const TOO_LONG = "That message is too long. Please shorten it.";

export type ConnectionStatus = "connecting" | "connected" | "disconnected" | "ended";

/** Why the WebSocket cannot be opened, if HTTP requests are answered. */
export type ConnectionFailure = "refused" | "busy";

export interface State {
  chat: Chat;
  status: ConnectionStatus;
  failure: ConnectionFailure | null;
}

export interface Options {
  url: string;
  token: string;
  unsentMessages: UnsentMessages;
  /** Asks for the session's status over HTTP. Browsers do not report why a handshake failed. */
  sessionStatus: () => Promise<SessionStatus>;
  Socket?: typeof WebSocket;
  backoff?: typeof backoff;
  heartbeatTimings?: HeartbeatTimings;
  historyTimeout?: number;
  responseTimeout?: number;
  positionInterval?: number;
}

type Timer = ReturnType<typeof setTimeout> | undefined;

export class Connection {
  private state: State;
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private attempts = 0; // to connect, since the last stable connection
  private refusedHandshakes = 0; // in a row, while HTTP requests were answered
  private isCheckingSession = false;
  private connectedSince = Infinity;
  /** The id of the request that is not acknowledged yet. One at a time, which keeps the order. */
  private pendingRequest: string | null = null;
  private reconnectTimer: Timer;
  private responseTimer: Timer;
  private resumeTimer: Timer; // set while the server wants no messages
  private positionTimer: ReturnType<typeof setInterval> | undefined;
  private readonly heartbeat: Heartbeat;

  constructor(private readonly options: Options) {
    const chat = { ...EMPTY_CHAT, unsent: options.unsentMessages.load() };
    this.state = { chat, status: "connecting", failure: null };
    const sendPing = () => this.send({ type: "ping" });
    const isResponsePending = () =>
      this.pendingRequest !== null || unanswered(this.state.chat).length > 0;
    const onDead = () => {
      this.abort();
      this.reconnectNow();
    };
    this.heartbeat = new Heartbeat({ sendPing, isResponsePending, onDead }, options.heartbeatTimings);
  }

  // State

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly current = (): State => this.state;

  // Connecting

  /** Connect, and reconnect until `close` is called. */
  open(): void {
    clearTimeout(this.reconnectTimer);
    this.reconnectTimer = undefined;
    if (this.socket || this.state.status === "ended") return;
    this.update({ status: "connecting" });
    const { Socket = WebSocket, url, token } = this.options;
    const socket = new Socket(url, [SUBPROTOCOL, `bearer.${token}`]);
    this.socket = socket;
    socket.onmessage = (event) => socket === this.socket && this.onFrame(event.data);
    socket.onclose = (event) => socket === this.socket && this.onClose(event.code);
    this.startResponseTimer(this.options.historyTimeout ?? HISTORY_TIMEOUT);
  }

  /** Disconnect. `open` connects again. */
  close(): void {
    this.closeSocket();
    clearTimeout(this.reconnectTimer);
    if (this.state.status !== "ended") this.update({ status: "connecting" });
  }

  /** If a reconnection is scheduled, do it now. */
  reconnectNow(): void {
    if (this.reconnectTimer !== undefined) this.open();
  }

  /** Check now whether the connection is alive. For events after which it may be dead. */
  check(): void {
    if (this.state.status === "connected") this.heartbeat.check();
    else this.reconnectNow();
  }

  /** Drop the WebSocket without waiting for its close event, and schedule a reconnection. */
  abort(): void {
    if (this.socket) this.onClose(ABNORMAL_CLOSURE);
  }

  // Actions of the person

  sendMessage(text: string): void {
    const msg = text.trim();
    if (!msg) return;
    const message: UnsentMessage = { id: newId(), msg, timestamp: new Date().toISOString() };
    const { chat } = this.state;
    this.update({ chat: { ...chat, unsent: [...chat.unsent, message], notice: null } });
    this.sendNext();
  }

  /** Remove a message that was not sent or was refused, and return its text. */
  removeUnsent(id: string): string {
    const { chat } = this.state;
    const removed = chat.unsent.find((message) => message.id === id);
    this.update({ chat: { ...chat, unsent: chat.unsent.filter((message) => message !== removed) } });
    return removed?.msg ?? "";
  }

  /** Send a refused message again. */
  resend(id: string): void {
    this.setRefused(id, undefined);
    this.sendNext();
  }

  stop(): void {
    const oldest = unanswered(this.state.chat)[0];
    if (oldest) this.send({ type: "stop", id: oldest.id });
  }

  retry(): void {
    const last = retryable(this.state.chat);
    const reply = last && replyOf(this.state.chat, last.id);
    if (!last || !reply || this.state.status !== "connected" || this.pendingRequest) return;
    const pendingRetry = { id: last.id, replyId: reply.id };
    this.update({ chat: { ...this.state.chat, pendingRetry, notice: null } });
    this.sendRequest({ type: "retry", id: last.id });
  }

  // Events of the WebSocket

  private onFrame(data: unknown): void {
    if (this.state.status === "connected") this.heartbeat.frameReceived();
    const frame = parseFrame(data);
    if (!frame) return;
    const chat = reduce(this.state.chat, frame);
    if (chat === "gap") return this.onClose(ABNORMAL_CLOSURE);
    if (frame.type === "history") this.onHistory(chat);
    else this.update({ chat });
    if ((frame.type === "ack" || frame.type === "error") && frame.id && frame.id === this.pendingRequest) {
      this.finishRequest();
      if (frame.type === "error" && frame.retry_after !== undefined) this.pauseSending(frame.retry_after);
    }
    this.sendNext();
  }

  private onHistory(chat: Chat): void {
    this.connectedSince = Math.min(this.connectedSince, Date.now());
    this.finishRequest();
    this.heartbeat.frameReceived();
    this.refusedHandshakes = 0;
    clearInterval(this.positionTimer);
    const interval = this.options.positionInterval ?? POSITION_INTERVAL;
    this.positionTimer = setInterval(() => this.requestPosition(), interval);
    // Deferred, because unsent messages go first.
    queueMicrotask(() => this.requestPosition());
    this.update({ chat, status: "connected", failure: null });
  }

  private onClose(code: number): void {
    // The handshake failed, or the WebSocket was closed before the history without a close frame.
    const failed = this.connectedSince === Infinity && code === ABNORMAL_CLOSURE;
    if (code === MESSAGE_TOO_BIG && this.pendingRequest) this.setRefused(this.pendingRequest, TOO_LONG);
    if (Date.now() - this.connectedSince >= STABLE_CONNECTION) this.attempts = 0;
    this.closeSocket();
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
      this.closeSocket();
      return this.update({ status: "ended" });
    }
    if (this.state.status === "connected") return;
    this.refusedHandshakes = session === "refused" ? this.refusedHandshakes + 1 : 0;
    if (this.refusedHandshakes >= MIN_REFUSED_HANDSHAKES) this.update({ failure: "refused" });
    else if (session !== "refused") this.update({ failure: session === "busy" ? "busy" : null });
  }

  private closeSocket(): void {
    const socket = this.socket;
    this.socket = null;
    this.connectedSince = Infinity;
    this.finishRequest();
    clearTimeout(this.resumeTimer);
    this.resumeTimer = undefined;
    clearInterval(this.positionTimer);
    this.heartbeat.stop();
    socket?.close();
  }

  // Sending

  /** Send the next unsent message, if no request is pending. */
  private sendNext(): void {
    const message = this.state.chat.unsent.find(({ refused }) => !refused);
    if (message && this.canSend()) this.sendRequest({ type: "message", id: message.id, msg: message.msg });
  }

  /** Request the oldest unanswered message's position: the server acknowledges a known id again. */
  private requestPosition(): void {
    const { chat } = this.state;
    const oldest = unanswered(chat)[0];
    if (oldest && !replyOf(chat, oldest.id) && this.canSend())
      this.sendRequest({ type: "message", id: oldest.id, msg: oldest.msg });
  }

  private canSend(): boolean {
    return this.state.status === "connected" && !this.pendingRequest && this.resumeTimer === undefined;
  }

  private sendRequest(request: ClientRequest): void {
    this.pendingRequest = request.id;
    this.send(request);
    this.heartbeat.requestSent();
    this.startResponseTimer(this.options.responseTimeout ?? RESPONSE_TIMEOUT);
  }

  private send(frame: ClientRequest | Ping): void {
    if (this.state.status === "connected") this.socket?.send(JSON.stringify(frame));
  }

  private startResponseTimer(timeout: number): void {
    clearTimeout(this.responseTimer);
    this.responseTimer = setTimeout(() => this.abort(), timeout);
  }

  private finishRequest(): void {
    this.pendingRequest = null;
    clearTimeout(this.responseTimer);
  }

  /** Send no messages for some seconds. */
  private pauseSending(seconds: number): void {
    this.resumeTimer = setTimeout(() => {
      this.resumeTimer = undefined;
      this.sendNext();
    }, Math.min(seconds * 1000, MAX_RETRY_AFTER));
  }

  // Changing the state

  private setRefused(id: string, refused: string | undefined): void {
    const { chat } = this.state;
    const unsent = chat.unsent.map((message) => (message.id === id ? { ...message, refused } : message));
    this.update({ chat: { ...chat, unsent } });
  }

  private update(change: Partial<State>): void {
    const before = this.state;
    this.state = { ...before, ...change };
    if (this.state.chat.unsent !== before.chat.unsent)
      this.options.unsentMessages.save(this.state.chat.unsent, before.chat.unsent);
    for (const listener of this.listeners) listener();
  }
}
