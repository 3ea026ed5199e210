// The frames of a real session: two messages at once, one message sent twice, a stop, a retry that is
// stopped too, and a refused request.

import { readFileSync } from "node:fs";

import type { HumanMessage, Message, Reply, ServerFrame } from "../src/frames";

export const FRAMES: ServerFrame[] = JSON.parse(
  readFileSync(new URL("recorded/session.json", import.meta.url), "utf8"),
);

/** Return the history that the server would send after the first `count` frames. */
export function historyAfter(count: number): ServerFrame {
  const [first, ...rest] = FRAMES.slice(0, count);
  if (first?.type !== "history") throw new Error("the first frame is not the history");
  const humanMessages: HumanMessage[] = [];
  const replies = new Map<string, Reply>();
  const byReplyId = new Map<string, Reply>();
  for (const frame of rest) {
    if (frame.type === "message" && frame.source === "human") {
      const { type: _, ...human } = frame;
      humanMessages.push(human);
    } else if (frame.type === "message" && frame.source === "bot") {
      const { type: _, ...reply } = frame;
      replies.set(frame.reply_to, reply);
    } else if (frame.type === "start") {
      const { id, reply_to } = frame;
      const reply: Reply = { id, source: "bot", msg: "", timestamp: "", reply_to, status: "streaming", n: 0 };
      replies.set(reply_to, reply);
      byReplyId.set(id, reply);
    } else if (frame.type === "delta") {
      const reply = byReplyId.get(frame.id)!;
      reply.msg += frame.text;
      reply.n = frame.n + 1;
    } else if (frame.type === "ack") {
      replies.delete(frame.id); // an acknowledged message that has a reply was a retry
    }
  }
  const messages: Message[] = humanMessages.flatMap((human) => [human, replies.get(human.id) ?? []].flat());
  return { type: "history", session: first.session, messages: structuredClone(messages) };
}
