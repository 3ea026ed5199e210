// What each frame of the server does to the state of a chat. No side effects.

import { type Chat, EMPTY_CHAT, isReplyTo, replyOf, THINKING } from "./chat-state";
import { errorMessage } from "./error-messages";
import type { HumanMessage, Reply, ServerFrame } from "./frames";

/** Return the chat after a frame, or "gap" if a frame is missing and the history is needed. */
export function reduce(chat: Chat, frame: ServerFrame): Chat | "gap" {
  switch (frame.type) {
    case "history":
      return {
        ...EMPTY_CHAT,
        session: frame.session,
        messages: frame.messages,
        unsent: chat.unsent.filter(({ id }) => !frame.messages.some((message) => message.id === id)),
      };
    case "ack":
      return acknowledge(chat, frame.id, frame.position);
    case "message": {
      const { type: _, ...message } = frame;
      return message.source === "human" ? putHumanMessage(chat, message) : putEndedReply(chat, message);
    }
    case "start":
      return startReply(chat, frame.id, frame.reply_to, frame.msg ?? "", frame.n ?? 0);
    case "thinking": {
      const isStreaming = replyOf(chat, frame.reply_to)?.status === "streaming";
      return isStreaming ? setWaitReason(chat, frame.reply_to, THINKING) : chat;
    }
    case "delta":
      return appendDelta(chat, frame.id, frame.n, frame.text);
    case "wait":
      return setWaitReason(chat, frame.reply_to, frame.reason ?? frame.code);
    case "error":
      if (frame.reply_to) return failReply(chat, frame.reply_to, frame.code, frame.msg);
      return refuse(chat, frame.id, frame.msg, frame.retry_after !== undefined);
  }
}

function acknowledge(chat: Chat, id: string, position: number): Chat {
  const positions = { ...chat.positions, [id]: position };
  if (chat.pendingChange?.id === id) {
    const { removes } = chat.pendingChange;
    const messages = chat.messages.filter((message) => message.id !== removes);
    return { ...chat, messages, positions, pendingChange: null };
  }
  const unsent = chat.unsent.find((unsent) => unsent.id === id);
  if (!unsent) return { ...chat, positions };
  const { msg, timestamp } = unsent;
  return { ...putHumanMessage(chat, { id, source: "human", msg, timestamp }), positions };
}

/** Replace the human message with this id, or add it at the end. A new text removes its reply. */
function putHumanMessage(chat: Chat, human: HumanMessage): Chat {
  const known = chat.messages.find((message) => message.id === human.id);
  const isEdited = known && known.msg !== human.msg;
  return {
    ...chat,
    messages: known
      ? chat.messages
          .filter((message) => !isEdited || !isReplyTo(message, human.id))
          .map((message) => (message === known ? human : message))
      : [...chat.messages, human],
    unsent: chat.unsent.filter(({ id }) => id !== human.id),
  };
}

/** Put a reply directly after its human message. It replaces an earlier reply. */
function putReply(chat: Chat, reply: Reply): Chat {
  const messages = chat.messages.filter(
    (message) => message.id !== reply.id && !isReplyTo(message, reply.reply_to),
  );
  const human = messages.findIndex((message) => message.id === reply.reply_to);
  messages.splice(human < 0 ? messages.length : human + 1, 0, reply);
  return { ...clearWait(chat, reply.reply_to), messages };
}

/** Put a reply that streams from now on. Of a new reply, the time is unknown until it has ended. */
function startReply(chat: Chat, id: string, replyTo: string, msg: string, n: number): Chat {
  const known = replyOf(chat, replyTo);
  const timestamp = known?.id === id ? known.timestamp : "";
  return putReply(chat, { id, source: "bot", msg, timestamp, reply_to: replyTo, status: "streaming", n });
}

/** Put a reply that has ended. It may be an old one that is back after a retry without success. */
function putEndedReply(chat: Chat, reply: Reply): Chat {
  const before = replyOf(chat, reply.reply_to);
  const isBack = before?.status === "failed" && before.id !== reply.id;
  const notice = isBack ? `${errorMessage(before)} The earlier reply is kept.` : chat.notice;
  return { ...putReply(chat, reply), notice };
}

function appendDelta(chat: Chat, id: string, n: number, text: string): Chat | "gap" {
  const reply = chat.messages.find((message) => message.id === id);
  if (reply?.source !== "bot") return "gap";
  const expected = reply.status === "streaming" ? (reply.n ?? 0) : Infinity;
  if (n < expected) return chat; // the text contains this delta already
  if (n > expected) return "gap";
  const longer: Reply = { ...reply, msg: reply.msg + text, n: n + 1 };
  const messages = chat.messages.map((message) => (message === reply ? longer : message));
  return { ...(chat.waitReasons[reply.reply_to] ? clearWait(chat, reply.reply_to) : chat), messages };
}

/** Mark the reply to a message as failed. Its partial text stays. */
function failReply(chat: Chat, replyTo: string, error: string, error_msg: string): Chat {
  if (!chat.messages.some((message) => message.id === replyTo)) return chat;
  const { n: _, ...reply } = replyOf(chat, replyTo) ?? {
    id: `no-reply-${replyTo}`,
    source: "bot" as const,
    msg: "",
    timestamp: "",
    reply_to: replyTo,
  };
  return putReply(chat, { ...reply, status: "failed", error, error_msg });
}

function refuse(chat: Chat, id: string | undefined, msg: string, isTemporary: boolean): Chat {
  if (chat.unsent.some((unsent) => unsent.id === id)) {
    if (isTemporary) return chat; // the connection sends it again
    const unsent = chat.unsent.map((unsent) => (unsent.id === id ? { ...unsent, refused: msg } : unsent));
    return { ...chat, unsent };
  }
  if (chat.pendingChange?.id === id) return { ...chat, pendingChange: null, notice: msg };
  return id ? chat : { ...chat, notice: msg };
}

function setWaitReason(chat: Chat, id: string, reason: string): Chat {
  return { ...chat, waitReasons: { ...chat.waitReasons, [id]: reason } };
}

/** Remove a human message's position and its wait reason. */
function clearWait(chat: Chat, id: string): Chat {
  const { [id]: _position, ...positions } = chat.positions;
  const { [id]: _reason, ...waitReasons } = chat.waitReasons;
  return { ...chat, positions, waitReasons };
}
