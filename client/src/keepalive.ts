// Detects a dead connection. A network can stop delivering without closing the WebSocket, and
// browsers hide the protocol's own pings from a page. So the page sends a `ping` frame.

export interface KeepaliveTimings {
  /** Silence in ms before a ping while a response is pending. */
  pendingInterval: number;
  /** Silence in ms before a ping while no response is pending. */
  idleInterval: number;
  /** Time in ms after a ping within which any frame must arrive. */
  pongTimeout: number;
}

export const KEEPALIVE_TIMINGS: KeepaliveTimings = {
  pendingInterval: 10_000,
  idleInterval: 25_000,
  pongTimeout: 5_000,
};

/** A timer that fires later than this shows that the page was suspended. */
const MAX_TIMER_DELAY = 2_000; // ms

export interface KeepaliveCallbacks {
  sendPing: () => void;
  /** Whether the server has to send a reply or an acknowledgement. */
  isResponsePending: () => boolean;
  onDead: () => void;
}

/** Sends a ping after a silence. If no frame follows the ping, the connection is dead. */
export class Keepalive {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private timerDue = 0; // the time when the timer should fire
  private pongPending = false; // no frame has arrived since the last ping
  private pingRepeated = false; // the ping was sent a second time, after the page was suspended

  constructor(
    private readonly callbacks: KeepaliveCallbacks,
    private readonly timings: KeepaliveTimings = KEEPALIVE_TIMINGS,
  ) {}

  /** Restart the silence timer. Call it for each frame that arrives. */
  frameReceived(): void {
    this.pongPending = this.pingRepeated = false;
    this.schedule(this.timings.pendingInterval, () => this.onSilence());
  }

  /** Restart the silence timer, unless a pong is pending. Call it for each request that is sent. */
  requestSent(): void {
    if (!this.pongPending) this.frameReceived();
  }

  /** Send a ping now. Call it when the page may have missed the end of the connection. */
  check(): void {
    // Another ping while a pong is pending would extend the pong's timeout.
    if (!this.pongPending || Date.now() > this.timerDue) this.ping();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.pongPending = this.pingRepeated = false;
  }

  private onSilence(): void {
    const { idleInterval, pendingInterval } = this.timings;
    if (this.callbacks.isResponsePending()) this.ping();
    else this.schedule(idleInterval - pendingInterval, () => this.ping());
  }

  private ping(): void {
    this.pongPending = true;
    this.schedule(this.timings.pongTimeout, () => this.onPongTimeout());
    this.callbacks.sendPing();
  }

  private onPongTimeout(): void {
    // After a suspension, the pong may have arrived without having been processed: ping once more.
    // Only once, because in a hidden tab every timer is late.
    if (!this.pingRepeated && Date.now() - this.timerDue > MAX_TIMER_DELAY) {
      this.pingRepeated = true;
      return this.ping();
    }
    this.stop();
    this.callbacks.onDead();
  }

  private schedule(ms: number, callback: () => void): void {
    clearTimeout(this.timer);
    this.timerDue = Date.now() + ms;
    this.timer = setTimeout(callback, ms);
  }
}
