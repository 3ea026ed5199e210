// A chat, and what each frame makes of it. Pure: the same frames make the same chat.

import type { Bot, Frame, Human, Message, Session } from "./wire";

/** A message written here that the server has not acknowledged yet. */
export interface Own {
  id: string;
  msg: string;
  timestamp: string;
  /** Why the server will not take it, in words. */
  refused?: string;
}

export interface Chat {
  /** Null until the first history. */
  session: Session | null;
  messages: readonly Message[];
  /** In the order in which they were written; they come after all messages. */
  own: readonly Own[];
  /** By human message: how many were ahead of it when the server last said so. */
  places: Readonly<Record<string, number>>;
  /** By human message: why its reply has to wait, a reason (`NO_WORKER`) or a code of the model. */
  held: Readonly<Record<string, string>>;
  /** The retry that is not acknowledged yet, with the reply that will leave. */
  retrying: { id: string; reply: string } | null;
  /** What the person should read of a request that was refused and is no message. */
  notice: string | null;
}

/** The reason of a wait while no worker is there. */
export const NO_WORKER = "no_worker";

export const EMPTY: Chat = {
  session: null,
  messages: [],
  own: [],
  places: {},
  held: {},
  retrying: null,
  notice: null,
};

/** Return the chat after a frame, or "gap" if frames are missing and the history is needed. */
export function fold(chat: Chat, frame: Frame): Chat | "gap" {
  switch (frame.type) {
    case "history":
      return {
        ...EMPTY,
        session: frame.session,
        messages: frame.messages,
        own: chat.own.filter((own) => !frame.messages.some((message) => message.id === own.id)),
      };
    case "ack":
      return acknowledge(chat, frame.id, frame.position);
    case "message": {
      const { type: _, ...message } = frame;
      return message.source === "human" ? putHuman(chat, message) : putReply(chat, message);
    }
    case "start":
      return putReply(chat, {
        id: frame.id,
        source: "bot",
        msg: "",
        timestamp: "", // comes with the whole message
        reply_to: frame.reply_to,
        status: "streaming",
        n: 0,
      });
    case "delta":
      return append(chat, frame.id, frame.n, frame.text);
    case "wait":
      return { ...chat, held: { ...chat.held, [frame.reply_to]: frame.reason ?? frame.code } };
    case "error":
      if (frame.reply_to) return fail(chat, frame.reply_to, frame.code);
      return refuse(chat, frame.id, frame.msg, frame.retry_after !== undefined);
  }
}

/** Return the reply to a human message, finished or not. */
export function replyOf(chat: Chat, id: string): Bot | undefined {
  return chat.messages.find((message): message is Bot => isReplyTo(message, id));
}

/** Return the human messages without a finished reply, the one that is being answered first. */
export function unanswered(chat: Chat): Human[] {
  const answered = new Set<string>();
  for (const message of chat.messages)
    if (message.source === "bot" && message.status !== "streaming") answered.add(message.reply_to);
  return chat.messages.filter(
    (message): message is Human => message.source === "human" && !answered.has(message.id),
  );
}

/** Return the last human message if it may be answered again. */
export function retryable(chat: Chat): Human | undefined {
  if (chat.own.some((own) => !own.refused) || unanswered(chat).length) return undefined;
  return chat.messages.findLast((message): message is Human => message.source === "human");
}

function acknowledge(chat: Chat, id: string, position: number): Chat {
  const places = { ...chat.places, [id]: position };
  if (chat.retrying?.id === id) {
    const old = chat.retrying.reply;
    const messages = chat.messages.filter((message) => message.id !== old);
    return { ...chat, messages, places, retrying: null };
  }
  const own = chat.own.find((own) => own.id === id);
  if (!own) return { ...chat, places };
  const { msg, timestamp } = own;
  return { ...putHuman(chat, { id, source: "human", msg, timestamp }), places };
}

/** Put a message of the person's in place of the one with its id, else last. */
function putHuman(chat: Chat, human: Human): Chat {
  const known = chat.messages.some((message) => message.id === human.id);
  return {
    ...chat,
    messages: known
      ? chat.messages.map((message) => (message.id === human.id ? human : message))
      : [...chat.messages, human],
    own: chat.own.filter((own) => own.id !== human.id),
  };
}

/** Put a reply right behind its message, in place of any earlier one. */
function putReply(chat: Chat, reply: Bot): Chat {
  const messages = chat.messages.filter(
    (message) => message.id !== reply.id && !isReplyTo(message, reply.reply_to),
  );
  const asked = messages.findIndex((message) => message.id === reply.reply_to);
  messages.splice(asked < 0 ? messages.length : asked + 1, 0, reply);
  return { ...forget(chat, reply.reply_to), messages };
}

function append(chat: Chat, id: string, n: number, text: string): Chat | "gap" {
  const reply = chat.messages.find((message) => message.id === id);
  if (reply?.source !== "bot") return "gap";
  const holds = reply.status === "streaming" ? (reply.n ?? 0) : Infinity;
  if (holds > n) return chat;
  if (holds < n) return "gap";
  const longer: Bot = { ...reply, msg: reply.msg + text, n: n + 1 };
  const messages = chat.messages.map((message) => (message === reply ? longer : message));
  return { ...(chat.held[reply.reply_to] ? forget(chat, reply.reply_to) : chat), messages };
}

/** Note that a message gets no reply; what was said of it so far is kept. */
function fail(chat: Chat, replyTo: string, error: string): Chat {
  if (!chat.messages.some((message) => message.id === replyTo)) return chat;
  const { n: _, ...said } = replyOf(chat, replyTo) ?? {
    id: `no-reply-${replyTo}`,
    source: "bot" as const,
    msg: "",
    timestamp: "",
    reply_to: replyTo,
  };
  return putReply(chat, { ...said, status: "failed", error });
}

function refuse(chat: Chat, id: string | undefined, why: string, forNow: boolean): Chat {
  if (chat.own.some((own) => own.id === id)) {
    if (forNow) return chat; // the connection sends it again
    const own = chat.own.map((own) => (own.id === id ? { ...own, refused: why } : own));
    return { ...chat, own };
  }
  if (chat.retrying?.id === id) return { ...chat, retrying: null, notice: why };
  return id ? chat : { ...chat, notice: why };
}

/** Drop what was said of a message's wait. */
function forget(chat: Chat, id: string): Chat {
  const { [id]: _place, ...places } = chat.places;
  const { [id]: _why, ...held } = chat.held;
  return { ...chat, places, held };
}

function isReplyTo(message: Message, id: string): boolean {
  return message.source === "bot" && message.reply_to === id;
}
