// Whether the other end of a connection is still there. A network can go silent without closing
// anything, and browsers do not show WebSocket pings to a page: it has to ask.

export interface Times {
  /** So long nothing may be heard while the server owes something; then it is pinged. */
  owed: number;
  /** And so long while it owes nothing. */
  idle: number;
  /** Any frame must come within this after a ping, or the connection is dead. */
  answer: number;
}

export const TIMES: Times = { owed: 10_000, idle: 25_000, answer: 5_000 }; // ms

/** A timer that fires so much too late says that the page was asleep, and not what it missed. */
const LATE = 2_000; // ms

export interface Ends {
  ping: () => void;
  /** Whether the server owes a reply or an acknowledgement. */
  isOwed: () => boolean;
  /** The connection is dead. */
  onDead: () => void;
}

/** The rule: silence leads to a ping, and a ping without any answer to the end. */
export class Heartbeat {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private due = 0; // when the timer should fire
  private pinged = false; // and nothing was heard since
  private excused = false; // it was pinged once more, since the page had slept

  constructor(
    private readonly ends: Ends,
    private readonly times: Times = TIMES,
  ) {}

  /** Something was heard: count from now. */
  heard(): void {
    this.pinged = this.excused = false;
    this.wait(this.times.owed, () => this.quiet());
  }

  /** The server has just been asked for something: it has its time to answer. */
  asked(): void {
    if (!this.pinged) this.heard();
  }

  /** Find out now, since the page may have missed the end of the connection. */
  check(): void {
    // A ping whose answer is due is not asked for again: that would put off its judgement.
    if (!this.pinged || Date.now() > this.due) this.ping();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.pinged = this.excused = false;
  }

  private quiet(): void {
    if (this.ends.isOwed()) this.ping();
    else this.wait(this.times.idle - this.times.owed, () => this.ping());
  }

  private ping(): void {
    this.pinged = true;
    this.wait(this.times.answer, () => this.judge());
    this.ends.ping();
  }

  private judge(): void {
    // The answer may be here and not read yet.
    // In a hidden tab every timer is late: so once only.
    if (!this.excused && Date.now() - this.due > LATE) {
      this.excused = true;
      return this.ping();
    }
    this.stop();
    this.ends.onDead();
  }

  private wait(ms: number, then: () => void): void {
    clearTimeout(this.timer);
    this.due = Date.now() + ms;
    this.timer = setTimeout(then, ms);
  }
}
