// The state of a chat, and what can be derived from it. No side effects.

import type { HumanMessage, Message, Reply, Session } from "./frames";

/** A message written here that the server has not acknowledged yet. */
export interface UnsentMessage {
  id: string;
  msg: string;
  timestamp: string;
  /** Why the server refused it, as a text for the person. */
  refused?: string;
}

export interface Chat {
  /** Null until the first history. */
  session: Session | null;
  messages: readonly Message[];
  /** The oldest first. The page shows them below all `messages`. */
  unsent: readonly UnsentMessage[];
  /** By id of a human message: its last known position in the queue of all sessions, from 0. */
  positions: Readonly<Record<string, number>>;
  /** By id of a human message: why its reply is delayed, `NO_WORKER`, `THINKING` or a code of the model. */
  waitReasons: Readonly<Record<string, string>>;
  /** The retry or continue that is not acknowledged yet. A retry removes a reply. */
  pendingChange: { id: string; removes: string | null } | null;
  /** The server's message for a refused request that is not an unsent message. */
  notice: string | null;
}

/** The reason of a `wait` frame while no worker runs. */
export const NO_WORKER = "no_worker";
/** The model works on the reply without text to show. */
export const THINKING = "thinking";

export const EMPTY_CHAT: Chat = {
  session: null,
  messages: [],
  unsent: [],
  positions: {},
  waitReasons: {},
  pendingChange: null,
  notice: null,
};

/** Return the reply to a human message, complete or not. */
export function replyOf(chat: Chat, id: string): Reply | undefined {
  return chat.messages.find((message): message is Reply => isReplyTo(message, id));
}

/** Return the human messages without a complete reply, the oldest first. */
export function unanswered(chat: Chat): HumanMessage[] {
  const answered = new Set<string>();
  for (const message of chat.messages)
    if (message.source === "bot" && message.status !== "streaming") answered.add(message.reply_to);
  return chat.messages.filter(
    (message): message is HumanMessage => message.source === "human" && !answered.has(message.id),
  );
}

/** Return the last human message if its reply can be retried. */
export function retryable(chat: Chat): HumanMessage | undefined {
  if (chat.unsent.some(({ refused }) => !refused) || unanswered(chat).length) return undefined;
  return chat.messages.findLast((message): message is HumanMessage => message.source === "human");
}

/** Return the last human message if its reply can be continued. */
export function continuable(chat: Chat): HumanMessage | undefined {
  const last = retryable(chat);
  const reply = last && replyOf(chat, last.id);
  const isCut =
    reply?.finish === "length" || reply?.status === "stopped" || (reply?.status === "failed" && reply.msg);
  return isCut ? last : undefined;
}

/** Whether a message is the reply to this human message. */
export function isReplyTo(message: Message, id: string): boolean {
  return message.source === "bot" && message.reply_to === id;
}
