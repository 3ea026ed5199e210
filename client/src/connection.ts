// One chat's connection: it stays open, sends what is written in turn, and folds what comes.

import { type Chat, EMPTY, fold, type Own, replyOf, retryable, unanswered } from "./fold";
import { Heartbeat, type Times } from "./heartbeat";
import { newId } from "./identity";
import type { Outbox } from "./outbox";
import { pause } from "./pause";
import type { Standing } from "./sessions";
import { type Asked, type Ping, readFrame, SUBPROTOCOL } from "./wire";

/** The history comes within this, or the socket is given up. */
const WELCOME_WITHIN = 10_000; // ms
/** What was asked is acknowledged within this, or a socket that lives is given up all the same. */
const ANSWER_WITHIN = 15_000; // ms; as long as `heartbeat` takes to find that it is dead
/** How often a message that waits asks for its place. */
const PLACE_EVERY = 10_000; // ms
/** One handshake may fail because the server just starts: so many in turn are a refusal. */
const REFUSALS = 2;
/** A connection that lived this long was a good one: the next try starts from the shortest pause. */
const STEADY_AFTER = 5_000; // ms
/** The server says how long it wants to rest; not longer than this. */
const LONGEST_REST = 60_000; // ms

const GONE = 1008;
const TOO_BIG = 1009;
const TOO_LONG = "That message is too long. Please shorten it.";

export type Link = "connecting" | "live" | "away" | "gone";

/** Why the chat is away although something answers over HTTP. */
export type Trouble = "refused" | "busy";

export interface State {
  chat: Chat;
  link: Link;
  trouble: Trouble | null;
}

export interface Options {
  url: string;
  token: string;
  outbox: Outbox;
  /** Ask over HTTP how the session stands; browsers do not say why a handshake failed. */
  standing: () => Promise<Standing>;
  Socket?: typeof WebSocket;
  pause?: typeof pause;
  beats?: Times;
  welcomeWithin?: number;
  answerWithin?: number;
  placeEvery?: number;
}

type Timer = ReturnType<typeof setTimeout> | undefined;

export class Connection {
  private state: State;
  private readonly listeners = new Set<() => void>();
  private socket: WebSocket | null = null;
  private tries = 0;
  private refusals = 0; // handshakes in turn that failed while HTTP was answered
  private asksWhy = false;
  private liveSince = Infinity;
  /** The id that the server has been asked to acknowledge. One at a time keeps the order. */
  private asked: string | null = null;
  private again: Timer; // the next try to connect
  private answer: Timer; // by when the server must have answered
  private resume: Timer; // when the server takes messages again
  private places: ReturnType<typeof setInterval> | undefined;
  private readonly heartbeat: Heartbeat;

  constructor(private readonly options: Options) {
    const chat = { ...EMPTY, own: options.outbox.load() };
    this.state = { chat, link: "connecting", trouble: null };
    const ping = () => this.send({ type: "ping" });
    const isOwed = () => this.asked !== null || unanswered(this.state.chat).length > 0;
    const onDead = () => {
      this.drop();
      this.hurry();
    };
    this.heartbeat = new Heartbeat({ ping, isOwed, onDead }, options.beats);
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
    socket.onmessage = (event) => socket === this.socket && this.take(event.data);
    socket.onclose = (event) => socket === this.socket && this.lost(event.code);
    this.expectAnswer(this.options.welcomeWithin ?? WELCOME_WITHIN); // the history
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

  /** Find out now whether the connection lives, since much may have happened unseen. */
  check(): void {
    if (this.state.link === "live") this.heartbeat.check();
    else this.hurry();
  }

  /** Give up a socket that cannot work, since the network is away. */
  drop(): void {
    if (this.socket) this.lost(1006);
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
    if (this.state.link === "live") this.heartbeat.heard();
    const frame = readFrame(data); // none where all that counts is that something was heard
    if (!frame) return;
    const chat = fold(this.state.chat, frame);
    if (chat === "gap") return this.lost(1006);
    if (frame.type === "history") this.show({ chat, link: this.begin(), trouble: null });
    else this.show({ chat });
    if ((frame.type === "ack" || frame.type === "error") && frame.id && frame.id === this.asked) {
      this.answered();
      if (frame.type === "error" && frame.retry_after !== undefined) this.rest(frame.retry_after);
    }
    this.next();
  }

  private begin(): Link {
    this.liveSince = Math.min(this.liveSince, Date.now());
    this.answered();
    this.heartbeat.heard();
    this.refusals = 0;
    clearInterval(this.places);
    this.places = setInterval(() => this.askForPlace(), this.options.placeEvery ?? PLACE_EVERY);
    // After this round of frames: what waits in the outbox goes first.
    queueMicrotask(() => this.askForPlace());
    return "live";
  }

  private lost(code: number): void {
    // One that was never live and was not closed with a reason; its handshake failed, or might
    // as well have.
    const failed = this.liveSince === Infinity && code === 1006;
    if (code === TOO_BIG && this.asked) this.refuseAsked();
    if (Date.now() - this.liveSince >= STEADY_AFTER) this.tries = 0;
    this.leave();
    if (code === GONE) return this.show({ link: "gone" });
    this.show({ link: "away" });
    const wait = (this.options.pause ?? pause)(code, this.tries++);
    this.again = setTimeout(() => this.open(), wait);
    if (failed) void this.askWhy();
    else this.show({ trouble: null });
  }

  private async askWhy(): Promise<void> {
    if (this.asksWhy) return;
    this.asksWhy = true;
    const standing = await this.options.standing();
    this.asksWhy = false;
    if (standing === "gone") {
      clearTimeout(this.again);
      this.leave();
      return this.show({ link: "gone" });
    }
    if (this.state.link === "live") return;
    this.refusals = standing === "refused" ? this.refusals + 1 : 0;
    if (this.refusals >= REFUSALS) this.show({ trouble: "refused" });
    else if (standing !== "refused") this.show({ trouble: standing === "busy" ? "busy" : null });
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
    this.heartbeat.stop();
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
    this.heartbeat.asked();
    this.expectAnswer(this.options.answerWithin ?? ANSWER_WITHIN);
  }

  private send(frame: Asked | Ping): void {
    if (this.state.link === "live") this.socket?.send(JSON.stringify(frame));
  }

  private expectAnswer(within: number): void {
    clearTimeout(this.answer);
    this.answer = setTimeout(() => this.drop(), within);
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
