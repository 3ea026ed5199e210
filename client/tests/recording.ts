// A session as a real server told it: two messages at once, one sent twice, a stop, a retry that is
// stopped too, and a refusal.

import { readFileSync } from "node:fs";

import type { Bot, Frame, Human, Message } from "../src/wire";

export const FRAMES: Frame[] = JSON.parse(
  readFileSync(new URL("recorded/session.json", import.meta.url), "utf8"),
);

/** Return the history that the server would send after the first `count` frames. */
export function historyAfter(count: number): Frame {
  const [first, ...rest] = FRAMES.slice(0, count);
  if (first?.type !== "history") throw new Error("a recording begins with the history");
  const asked: Human[] = [];
  const replies = new Map<string, Bot>();
  const byReplyId = new Map<string, Bot>();
  for (const frame of rest) {
    if (frame.type === "message" && frame.source === "human") {
      const { type: _, ...human } = frame;
      asked.push(human);
    } else if (frame.type === "message" && frame.source === "bot") {
      const { type: _, ...reply } = frame;
      replies.set(frame.reply_to, reply);
    } else if (frame.type === "start") {
      const { id, reply_to } = frame;
      const reply: Bot = { id, source: "bot", msg: "", timestamp: "", reply_to, status: "streaming", n: 0 };
      replies.set(reply_to, reply);
      byReplyId.set(id, reply);
    } else if (frame.type === "delta") {
      const reply = byReplyId.get(frame.id)!;
      reply.msg += frame.text;
      reply.n = frame.n + 1;
    } else if (frame.type === "ack") {
      replies.delete(frame.id); // acknowledged though it was answered: a retry
    }
  }
  const messages: Message[] = asked.flatMap((human) => [human, replies.get(human.id) ?? []].flat());
  return { type: "history", session: first.session, messages: structuredClone(messages) };
}
