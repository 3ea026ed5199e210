// One session as the page uses it: the state of its chat and connection, and the person's actions.

import {
  type Chat,
  continuable,
  EMPTY_CHAT,
  replyOf,
  retryable,
  unanswered,
  type UnsentMessage,
} from "./chat-state";
import { Connection, type ConnectionOptions, type ConnectionState, MESSAGE_TOO_BIG } from "./connection";
import { type ClientRequest, parseFrame } from "./frames";
import { newId } from "./ids";
import { Outbox } from "./outbox";
import { reduce } from "./reducer";
import type { UnsentMessages } from "./unsent-messages";

/** How often the position of the oldest unanswered message is requested. */
const POSITION_INTERVAL = 10_000; // ms

const TOO_LONG = "That message is too long. Please shorten it.";

export interface State extends ConnectionState {
  chat: Chat;
}

export interface Options extends ConnectionOptions {
  unsentMessages: UnsentMessages;
  responseTimeout?: number;
  positionInterval?: number;
}

export class SessionClient {
  private state: State;
  private readonly listeners = new Set<() => void>();
  private positionTimer: ReturnType<typeof setInterval> | undefined;
  private readonly outbox: Outbox;
  /** Opens, checks and closes the connection. */
  readonly connection: Connection;

  constructor(private readonly options: Options) {
    const chat = { ...EMPTY_CHAT, unsent: options.unsentMessages.load() };
    this.state = { chat, status: "connecting", failure: null };
    this.connection = new Connection(options, {
      onData: (data) => this.onData(data),
      onClose: (code) => this.onClose(code),
      onStateChange: (state) => this.update(state),
      isResponsePending: () => this.outbox.pending !== null || unanswered(this.state.chat).length > 0,
    });
    this.outbox = new Outbox(
      {
        isConnected: () => this.connection.isConnected,
        send: (request) => this.connection.sendRequest(request),
        nextMessage: () => this.nextMessage(),
        onTimeout: () => this.connection.abort(),
      },
      options.responseTimeout,
    );
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly current = (): State => this.state;

  // Actions of the person

  sendMessage(text: string): void {
    const msg = text.trim();
    if (!msg) return;
    const message: UnsentMessage = { id: newId(), msg, timestamp: new Date().toISOString() };
    this.updateChat({ unsent: [...this.state.chat.unsent, message], notice: null });
    this.outbox.sendNext();
  }

  /** Remove a message that was not sent or was refused, and return its text. */
  removeUnsent(id: string): string {
    const { unsent } = this.state.chat;
    const removed = unsent.find((message) => message.id === id);
    this.updateChat({ unsent: unsent.filter((message) => message !== removed) });
    return removed?.msg ?? "";
  }

  /** Send a refused message again. */
  resend(id: string): void {
    this.setRefused(id, undefined);
    this.outbox.sendNext();
  }

  /** Stop the oldest reply that is not complete. */
  stop(): void {
    const oldest = unanswered(this.state.chat)[0];
    if (oldest) this.connection.send({ type: "stop", id: oldest.id });
  }

  /** Request another reply to the last message, which gets a new text if there is one. */
  retry(text?: string): void {
    const last = retryable(this.state.chat);
    const reply = last && replyOf(this.state.chat, last.id);
    const msg = text?.trim();
    if (reply && msg !== "") this.requestChange({ type: "retry", id: last.id, msg }, reply.id);
  }

  /** Request the rest of the last reply. */
  continueReply(): void {
    const last = continuable(this.state.chat);
    if (last) this.requestChange({ type: "continue", id: last.id }, null);
  }

  private requestChange(request: ClientRequest, removes: string | null): void {
    if (!this.connection.isConnected || this.outbox.pending) return;
    this.updateChat({ pendingChange: { id: request.id, removes }, notice: null });
    this.outbox.send(request);
  }

  // Events of the connection

  private onData(data: unknown): void {
    const frame = parseFrame(data);
    if (!frame) return;
    const chat = reduce(this.state.chat, frame);
    if (chat === "gap") return this.connection.abort();
    this.update({ chat });
    if (frame.type === "history") this.onHistory();
    if ((frame.type === "ack" || frame.type === "error") && frame.id && frame.id === this.outbox.pending) {
      this.outbox.finishRequest();
      if (frame.type === "error" && frame.retry_after !== undefined) this.outbox.pause(frame.retry_after);
    }
    this.outbox.sendNext();
  }

  private onHistory(): void {
    this.outbox.finishRequest();
    clearInterval(this.positionTimer);
    const interval = this.options.positionInterval ?? POSITION_INTERVAL;
    this.positionTimer = setInterval(() => this.requestPosition(), interval);
    // Deferred, because unsent messages go first.
    queueMicrotask(() => this.requestPosition());
    this.connection.historyReceived();
  }

  private onClose(code: number): void {
    if (code === MESSAGE_TOO_BIG && this.outbox.pending) this.setRefused(this.outbox.pending, TOO_LONG);
    this.outbox.reset();
    clearInterval(this.positionTimer);
  }

  // Sending

  private nextMessage() {
    const message = this.state.chat.unsent.find(({ refused }) => !refused);
    return message && { type: "message" as const, id: message.id, msg: message.msg };
  }

  /** Request the oldest unanswered message's position: the server acknowledges a known id again. */
  private requestPosition(): void {
    const { chat } = this.state;
    const oldest = unanswered(chat)[0];
    if (oldest && !replyOf(chat, oldest.id) && this.outbox.canSend)
      this.outbox.send({ type: "message", id: oldest.id, msg: oldest.msg });
  }

  // Changing the state

  private setRefused(id: string, refused: string | undefined): void {
    const { unsent } = this.state.chat;
    this.updateChat({ unsent: unsent.map((message) => (message.id === id ? { ...message, refused } : message)) });
  }

  private updateChat(change: Partial<Chat>): void {
    this.update({ chat: { ...this.state.chat, ...change } });
  }

  private update(change: Partial<State>): void {
    const before = this.state;
    this.state = { ...before, ...change };
    if (this.state.chat.unsent !== before.chat.unsent)
      this.options.unsentMessages.save(this.state.chat.unsent, before.chat.unsent);
    for (const listener of this.listeners) listener();
  }
}
