// One chat's connection: it stays open, sends what is written in turn, and folds what comes.

import { type Chat, EMPTY, fold, type Own, replyOf, retryable, unanswered } from "./fold";
import { newId } from "./identity";
import type { Outbox } from "./outbox";
import { pause } from "./pause";
import { type Asked, readFrame, SUBPROTOCOL } from "./wire";

/** A socket that opens or that was asked something answers within this, or is taken for dead. */
const ANSWER_WITHIN = 10_000; // ms
/** How often a message that waits asks for its place, which also shows that the socket lives. */
const PLACE_EVERY = 10_000; // ms
/** A connection that lived this long was a good one: the next try starts from the shortest pause. */
const STEADY_AFTER = 5_000; // ms
/** The server says how long it wants to rest; not longer than this. */
const LONGEST_REST = 60_000; // ms

const GONE = 1008;
const TOO_BIG = 1009;
const TOO_LONG = "That message is too long. Please shorten it.";

export type Link = "connecting" | "live" | "away" | "gone";

export interface State {
  chat: Chat;
  link: Link;
}

export interface Options {
  url: string;
  token: string;
  outbox: Outbox;
  /** Ask over HTTP whether the session is gone; browsers do not say why a handshake failed. */
  isGone: () => Promise<boolean>;
  Socket?: typeof WebSocket;
  pause?: typeof pause;
  answerWithin?: number;
  placeEvery?: number;
}

type Timer = ReturnType<typeof setTimeout> | undefined;

export class Connection {
  private state: State;
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private tries = 0;
  private liveSince = Infinity;
  /** The id that the server has been asked to acknowledge. One at a time keeps the order. */
  private asked: string | null = null;
  private again: Timer; // the next try to connect
  private answer: Timer; // by when the server must have answered
  private resume: Timer; // when the server takes messages again
  private places: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly options: Options) {
    this.state = { chat: { ...EMPTY, own: options.outbox.load() }, link: "connecting" };
  }

  // For whoever shows the chat

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly current = (): State => this.state;

  /** Connect, and stay connected until `close`. */
  open(): void {
    clearTimeout(this.again);
    this.again = undefined;
    if (this.socket || this.state.link === "gone") return;
    this.show({ link: "connecting" });
    const { Socket = WebSocket, url, token } = this.options;
    const socket = new Socket(url, [SUBPROTOCOL, `bearer.${token}`]);
    this.socket = socket;
    let opened = false;
    socket.onopen = () => (opened = true);
    socket.onmessage = (event) => socket === this.socket && this.take(event.data);
    socket.onclose = (event) => socket === this.socket && this.lost(event.code, opened);
    this.expectAnswer(); // the history
  }

  /** Disconnect; `open` connects again. */
  close(): void {
    this.leave();
    clearTimeout(this.again);
    if (this.state.link !== "gone") this.show({ link: "connecting" });
  }

  /** Try now what would be tried later, since the network or the reader is back. */
  hurry(): void {
    if (this.again !== undefined) this.open();
  }

  /** Give up a socket that cannot work, since the network is away. */
  drop(): void {
    if (this.socket) this.lost(1006, true);
  }

  // What a person does

  say(text: string): void {
    const msg = text.trim();
    if (!msg) return;
    const own: Own = { id: newId(), msg, timestamp: new Date().toISOString() };
    this.show({ chat: { ...this.state.chat, own: [...this.state.chat.own, own], notice: null } });
    this.next();
  }

  /** Take back a message that was not sent or was refused; return its text. */
  takeBack(id: string): string {
    const { chat } = this.state;
    const taken = chat.own.find((own) => own.id === id);
    this.show({ chat: { ...chat, own: chat.own.filter((own) => own !== taken) } });
    return taken?.msg ?? "";
  }

  /** Send a refused message again. */
  sayAgain(id: string): void {
    const { chat } = this.state;
    const own = chat.own.map((own) => (own.id === id ? { ...own, refused: undefined } : own));
    this.show({ chat: { ...chat, own } });
    this.next();
  }

  stop(): void {
    const asked = unanswered(this.state.chat)[0];
    if (asked) this.send({ type: "stop", id: asked.id });
  }

  retry(): void {
    const last = retryable(this.state.chat);
    const reply = last && replyOf(this.state.chat, last.id);
    if (!last || !reply || this.state.link !== "live" || this.asked) return;
    this.show({ chat: { ...this.state.chat, retrying: { id: last.id, reply: reply.id }, notice: null } });
    this.ask({ type: "retry", id: last.id });
  }

  // What happens

  private take(data: unknown): void {
    const frame = readFrame(data);
    if (!frame) return;
    const chat = fold(this.state.chat, frame);
    if (chat === "gap") return this.lost(1006, true);
    const live = frame.type === "history" ? this.begin() : this.state.link;
    this.show({ chat, link: live });
    if ((frame.type === "ack" || frame.type === "error") && frame.id && frame.id === this.asked) {
      this.answered();
      if (frame.type === "error" && frame.retry_after !== undefined) this.rest(frame.retry_after);
    }
    this.next();
  }

  private begin(): Link {
    this.liveSince = Math.min(this.liveSince, Date.now());
    this.answered();
    clearInterval(this.places);
    this.places = setInterval(() => this.askForPlace(), this.options.placeEvery ?? PLACE_EVERY);
    // After this round of frames: what waits in the outbox goes first.
    queueMicrotask(() => this.askForPlace());
    return "live";
  }

  private lost(code: number, opened: boolean): void {
    if (code === TOO_BIG && this.asked) this.refuseAsked();
    if (Date.now() - this.liveSince >= STEADY_AFTER) this.tries = 0;
    this.leave();
    if (code === GONE) return this.show({ link: "gone" });
    this.show({ link: "away" });
    const wait = (this.options.pause ?? pause)(code, this.tries++);
    this.again = setTimeout(() => this.open(), wait);
    if (!opened) void this.askWhy();
  }

  private async askWhy(): Promise<void> {
    if (!(await this.options.isGone())) return;
    clearTimeout(this.again);
    this.leave();
    this.show({ link: "gone" });
  }

  private refuseAsked(): void {
    const { chat } = this.state;
    const own = chat.own.map((own) => (own.id === this.asked ? { ...own, refused: TOO_LONG } : own));
    this.show({ chat: { ...chat, own } });
  }

  private leave(): void {
    const socket = this.socket;
    this.socket = null;
    this.liveSince = Infinity;
    this.answered();
    clearTimeout(this.resume);
    this.resume = undefined;
    clearInterval(this.places);
    socket?.close();
  }

  // What is sent

  /** Send the next message, if the one before is acknowledged. */
  private next(): void {
    const own = this.state.chat.own.find((own) => !own.refused);
    if (own && this.isFree()) this.ask({ type: "message", id: own.id, msg: own.msg });
  }

  /** A message that is sent again is only acknowledged again, with its place. */
  private askForPlace(): void {
    const { chat } = this.state;
    const waits = unanswered(chat)[0];
    if (waits && !replyOf(chat, waits.id) && this.isFree())
      this.ask({ type: "message", id: waits.id, msg: waits.msg });
  }

  private isFree(): boolean {
    return this.state.link === "live" && !this.asked && this.resume === undefined;
  }

  private ask(frame: Asked): void {
    this.asked = frame.id;
    this.send(frame);
    this.expectAnswer();
  }

  private send(frame: Asked): void {
    if (this.state.link === "live") this.socket?.send(JSON.stringify(frame));
  }

  private expectAnswer(): void {
    clearTimeout(this.answer);
    this.answer = setTimeout(() => this.drop(), this.options.answerWithin ?? ANSWER_WITHIN);
  }

  private answered(): void {
    this.asked = null;
    clearTimeout(this.answer);
  }

  /** Send nothing for some seconds. */
  private rest(seconds: number): void {
    this.resume = setTimeout(() => {
      this.resume = undefined;
      this.next();
    }, Math.min(seconds * 1000, LONGEST_REST));
  }

  private show(change: Partial<State>): void {
    const before = this.state;
    this.state = { ...before, ...change };
    if (this.state.chat.own !== before.chat.own)
      this.options.outbox.keep(this.state.chat.own, before.chat.own);
    for (const listener of this.listeners) listener();
  }
}
