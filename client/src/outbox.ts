// The requests to the server. They are sent one at a time, which keeps their order.

import type { ClientRequest } from "./frames";

/** The connection is dropped if a request is not answered within this time. */
const RESPONSE_TIMEOUT = 15_000; // ms; the keepalive needs as long to detect a dead connection
/** The upper bound of the server's `retry_after`. */
const MAX_RETRY_AFTER = 60_000; // ms

export interface OutboxCallbacks {
  isConnected: () => boolean;
  send: (request: ClientRequest) => void;
  /** Return the next message to send, if there is one. */
  nextMessage: () => ClientRequest | undefined;
  /** The server has not answered a request in time. */
  onTimeout: () => void;
}

type Timer = ReturnType<typeof setTimeout> | undefined;

export class Outbox {
  private pendingId: string | null = null;
  private responseTimer: Timer;
  private resumeTimer: Timer; // set during a `retry_after` pause

  constructor(
    private readonly callbacks: OutboxCallbacks,
    private readonly responseTimeout = RESPONSE_TIMEOUT,
  ) {}

  /** The id of the request that the server has not answered yet. */
  get pending(): string | null {
    return this.pendingId;
  }

  get canSend(): boolean {
    return this.callbacks.isConnected() && !this.pendingId && this.resumeTimer === undefined;
  }

  /** Send the next message, if no request is pending. */
  sendNext(): void {
    const message = this.canSend && this.callbacks.nextMessage();
    if (message) this.send(message);
  }

  /** Send a request. No other request may be pending. */
  send(request: ClientRequest): void {
    this.pendingId = request.id;
    this.callbacks.send(request);
    clearTimeout(this.responseTimer);
    this.responseTimer = setTimeout(this.callbacks.onTimeout, this.responseTimeout);
  }

  /** The pending request was answered, or its answer will not come. */
  finishRequest(): void {
    this.pendingId = null;
    clearTimeout(this.responseTimer);
  }

  /** Send no messages for some seconds. */
  pause(seconds: number): void {
    this.resumeTimer = setTimeout(() => {
      this.resumeTimer = undefined;
      this.sendNext();
    }, Math.min(seconds * 1000, MAX_RETRY_AFTER));
  }

  /** Forget the pending request and the pause, because the connection was closed. */
  reset(): void {
    this.finishRequest();
    clearTimeout(this.resumeTimer);
    this.resumeTimer = undefined;
  }
}
