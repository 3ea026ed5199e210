import { describe, expect, it } from "vitest";

import {
  type Chat,
  continuable,
  EMPTY_CHAT,
  NO_WORKER,
  replyOf,
  retryable,
  THINKING,
  unanswered,
} from "../src/chat-state";
import { errorMessage } from "../src/error-messages";
import type { Reply, ServerFrame } from "../src/frames";
import { reduce } from "../src/reducer";
import { FRAMES, historyAfter } from "./recorded-session";

const SESSION = { name: "Ada", session_start: "2026-01-31T09:30:00+00:00" };
const HUMAN = { id: "h1", source: "human", msg: "Hello", timestamp: "t1" } as const;
const REPLY: Reply = { id: "b1", source: "bot", msg: "Hi!", timestamp: "t2", reply_to: "h1", status: "done" };
const HISTORY: ServerFrame = { type: "history", session: SESSION, messages: [HUMAN] };

/** Return the chat after some frames. A gap fails the test. */
function reduceAll(frames: ServerFrame[], chat: Chat = EMPTY_CHAT): Chat {
  return frames.reduce((before, frame) => {
    const after = reduce(before, frame);
    if (after === "gap") throw new Error(`a gap before ${JSON.stringify(frame)}`);
    return after;
  }, chat);
}

describe("a recorded session", () => {
  const whole = reduceAll(FRAMES);

  it("ends with the same messages as the server's history", () => {
    expect(whole.messages).toEqual(reduceAll([historyAfter(FRAMES.length)]).messages);
    expect(whole.messages.map(({ source }) => source)).toEqual(["human", "bot", "human", "bot", "human", "bot"]);
  });

  it("ends the same if the connection is lost at any point and restored at any later point", () => {
    for (let cut = 0; cut <= FRAMES.length; cut++) {
      const before = reduceAll(FRAMES.slice(0, cut));
      for (let restored = Math.max(1, cut); restored <= FRAMES.length; restored++) {
        const after = reduceAll([historyAfter(restored), ...FRAMES.slice(restored)], before);
        expect(after.messages, `cut at ${cut}, restored at ${restored}`).toEqual(whole.messages);
      }
    }
  });

  it("has the same messages after the frames and after the history, at every point of its replies", () => {
    for (let point = 1; point <= FRAMES.length; point++) {
      if (FRAMES[point - 1]!.type === "ack") continue; // the next frame changes the other tabs
      expect(reduceAll(FRAMES.slice(0, point)).messages, `after ${point}`).toEqual(
        reduceAll([historyAfter(point)]).messages,
      );
    }
  });

  it("ignores deltas that the history contains", () => {
    for (let restored = 1; restored <= FRAMES.length; restored++) {
      const late = FRAMES.slice(0, restored).filter(
        (frame, i, all) => frame.type === "delta" && !all.slice(i).some((later) => isRetried(later, frame.id)),
      );
      const after = reduceAll([historyAfter(restored), ...late, ...FRAMES.slice(restored)]);
      expect(after.messages, `restored at ${restored}`).toEqual(whole.messages);
    }
  });

  it("returns a gap if a delta is missing before another one", () => {
    let gaps = 0;
    FRAMES.forEach((frame, i) => {
      const next = FRAMES[i + 1];
      if (frame.type !== "delta" || next?.type !== "delta" || next.id !== frame.id) return;
      expect(reduce(reduceAll(FRAMES.slice(0, i)), next)).toBe("gap");
      gaps++;
    });
    expect(gaps).toBeGreaterThan(10);
  });

  it("appends deltas to the text of the complete reply", () => {
    let replies = 0;
    FRAMES.forEach((frame, i) => {
      if (frame.type !== "message" || frame.source !== "bot") return;
      expect(replyOf(reduceAll(FRAMES.slice(0, i)), frame.reply_to)?.msg).toBe(frame.msg);
      replies++;
    });
    expect(replies).toBe(4);
  });
});

describe("the history", () => {
  it("replaces all messages", () => {
    const chat = reduceAll([HISTORY, { type: "message", ...REPLY }, { type: "history", session: SESSION, messages: [] }]);
    expect(chat.messages).toEqual([]);
  });

  it("removes its messages from the unsent messages", () => {
    const unsent = [{ ...HUMAN }, { ...HUMAN, id: "h2" }];
    expect(reduceAll([HISTORY], { ...EMPTY_CHAT, unsent }).unsent.map(({ id }) => id)).toEqual(["h2"]);
  });
});

describe("an unsent message", () => {
  const unsent = { id: "h2", msg: "And?", timestamp: "written" };
  const chat: Chat = { ...reduceAll([HISTORY]), unsent: [unsent] };

  it("becomes a message of the chat with its position when it is acknowledged", () => {
    const after = reduceAll([{ type: "ack", id: "h2", position: 3 }], chat);
    expect(after.unsent).toEqual([]);
    expect(after.messages.at(-1)).toEqual({ id: "h2", source: "human", msg: "And?", timestamp: "written" });
    expect(after.positions["h2"]).toBe(3);
  });

  it("is in the chat once, even if the server also sends it before or after", () => {
    const ack: ServerFrame = { type: "ack", id: "h2", position: 0 };
    const message: ServerFrame = { type: "message", id: "h2", source: "human", msg: "And?", timestamp: "stored" };
    for (const frames of [[ack, message], [message, ack], [ack, message, ack]]) {
      const after = reduceAll(frames, chat);
      expect(after.messages.map(({ id }) => id)).toEqual(["h1", "h2"]);
      expect(after.unsent).toEqual([]);
      expect(after.messages.at(-1)?.timestamp).toBe("stored");
    }
  });

  it("is marked if it is refused, and stays unsent if the server asks to try later", () => {
    const no: ServerFrame = { type: "error", code: "too_long", msg: "Too long.", id: "h2" };
    expect(reduceAll([no], chat).unsent[0]?.refused).toBe("Too long.");
    expect(reduceAll([{ ...no, code: "busy", retry_after: 2 }], chat).unsent).toEqual([unsent]);
  });
});

describe("a reply", () => {
  const started = reduceAll([
    HISTORY,
    { type: "message", id: "h2", source: "human", msg: "And?", timestamp: "t3" },
    { type: "start", id: "b1", reply_to: "h1", attempt: 1 },
    { type: "delta", id: "b1", n: 0, text: "Hel" },
  ]);

  it("comes directly after its message", () => {
    expect(started.messages.map(({ id }) => id)).toEqual(["h1", "b1", "h2"]);
  });

  it("starts again with an empty text", () => {
    const again = reduceAll([{ type: "start", id: "b1", reply_to: "h1", attempt: 2 }], started);
    expect(replyOf(again, "h1")).toMatchObject({ msg: "", n: 0, status: "streaming" });
    expect(again.messages).toHaveLength(3);
  });

  it("replaces an earlier reply when it starts or arrives complete", () => {
    for (const frame of [
      { type: "start", id: "b2", reply_to: "h1", attempt: 1 },
      { type: "message", ...REPLY, id: "b2" },
    ] as ServerFrame[])
      expect(reduceAll([frame], started).messages.map(({ id }) => id)).toEqual(["h1", "b2", "h2"]);
  });

  it("keeps its partial text when it fails", () => {
    const failed: ServerFrame = { type: "error", code: "model_timeout", msg: "Too slow.", reply_to: "h1" };
    expect(replyOf(reduceAll([failed], started), "h1")).toMatchObject({
      id: "b1",
      msg: "Hel",
      status: "failed",
      error: "model_timeout",
    });
    expect(errorMessage(replyOf(reduceAll([failed], started), "h1") ?? {})).toBe("Too slow.");
    expect(replyOf(reduceAll([{ ...failed, reply_to: "h2" }], started), "h2")).toMatchObject({ msg: "", status: "failed" });
    expect(reduceAll([{ ...failed, reply_to: "elsewhere" }], started)).toEqual(started);
  });

  it("ignores deltas once it is complete; a delta of an unknown reply is a gap", () => {
    const whole = reduceAll([{ type: "message", ...REPLY }], started);
    expect(reduceAll([{ type: "delta", id: "b1", n: 7, text: "!" }], whole)).toEqual(whole);
    expect(reduce(whole, { type: "delta", id: "b9", n: 0, text: "!" })).toBe("gap");
  });

  it("has a wait reason from a wait frame until the next delta or start", () => {
    const wait: ServerFrame = { type: "wait", reply_to: "h1", code: "model_unavailable", retry_after: 5 };
    const waiting = reduceAll([wait, wait], started);
    expect(waiting.waitReasons).toEqual({ h1: "model_unavailable" });
    expect(reduceAll([{ type: "delta", id: "b1", n: 1, text: "lo" }], waiting).waitReasons).toEqual({});
    expect(reduceAll([{ type: "start", id: "b1", reply_to: "h1", attempt: 2 }], waiting).waitReasons).toEqual({});
  });

  it("has the wait reason no_worker until a worker starts it or the model is busy", () => {
    const wait: ServerFrame = { type: "wait", reply_to: "h1", code: "busy", retry_after: 15 };
    const absent = reduceAll([HISTORY, { ...wait, reason: NO_WORKER }, { type: "ack", id: "h1", position: 3 }]);
    expect(absent.waitReasons).toEqual({ h1: NO_WORKER });
    expect(reduceAll([{ type: "start", id: "b1", reply_to: "h1", attempt: 1 }], absent).waitReasons).toEqual({});
    expect(reduceAll([wait], absent).waitReasons).toEqual({ h1: "busy" });
    expect(reduceAll([HISTORY], absent).waitReasons).toEqual({});
  });

  it("removes the message's position when it starts", () => {
    const waiting = reduceAll([HISTORY, { type: "ack", id: "h1", position: 4 }]);
    expect(waiting.positions).toEqual({ h1: 4 });
    expect(reduceAll([{ type: "start", id: "b1", reply_to: "h1", attempt: 1 }], waiting).positions).toEqual({});
  });
});

describe("a retry", () => {
  const answered = reduceAll([HISTORY, { type: "message", ...REPLY }]);
  const ack: ServerFrame = { type: "ack", id: "h1", position: 0 };
  const retrying: Chat = { ...answered, pendingChange: { id: "h1", removes: "b1" } };

  it("removes the old reply when the retry is acknowledged, not when a message is acknowledged again", () => {
    expect(reduceAll([ack], retrying).messages).toEqual([HUMAN]);
    expect(reduceAll([ack], answered).messages).toEqual([HUMAN, REPLY]);
  });

  it("keeps a new reply that another tab requested", () => {
    const frames: ServerFrame[] = [{ type: "start", id: "b2", reply_to: "h1", attempt: 1 }, ack];
    expect(reduceAll(frames, retrying).messages.map(({ id }) => id)).toEqual(["h1", "b2"]);
  });

  it("that is refused keeps the reply and sets a notice", () => {
    const no: ServerFrame = { type: "error", code: "unknown_message", msg: "Only the last.", id: "h1" };
    const after = reduceAll([no], retrying);
    expect(after).toMatchObject({ pendingChange: null, notice: "Only the last." });
    expect(after.messages).toEqual([HUMAN, REPLY]);
  });

  const start: ServerFrame = { type: "start", id: "b2", reply_to: "h1", attempt: 1 };

  it("that fails without text gives the old reply back, with the reason as a notice", () => {
    const failed: ServerFrame = { type: "error", code: "model_timeout", msg: "Too slow.", reply_to: "h1" };
    const after = reduceAll([ack, start, failed, { type: "message", ...REPLY }], retrying);
    expect(after.messages).toEqual([HUMAN, REPLY]);
    expect(after.notice).toBe("Too slow. The earlier reply is kept.");
  });

  it("has no notice about an earlier reply if the failed one itself is sent again", () => {
    const failed: ServerFrame = { type: "error", code: "model_timeout", msg: "Too slow.", reply_to: "h1" };
    expect(reduceAll([failed, { type: "message", ...REPLY }], answered).notice).toBeNull();
  });

  it("that is stopped before its first word gives the old reply back", () => {
    const after = reduceAll([ack, start, { type: "message", ...REPLY }], retrying);
    expect(after).toMatchObject({ messages: [HUMAN, REPLY], notice: null });
  });

  it("with a new text, from any tab, changes the message and removes the reply to the old text", () => {
    const edited = { ...HUMAN, msg: "Hello again", timestamp: "t9" };
    expect(reduceAll([{ type: "message", ...edited }], answered).messages).toEqual([edited]);
    expect(reduceAll([ack, { type: "message", ...edited }], retrying).messages).toEqual([edited]);
    expect(reduceAll([{ type: "message", ...HUMAN }], answered).messages).toEqual([HUMAN, REPLY]);
  });

  it("is possible for the last message only, if no message is unanswered or unsent", () => {
    expect(retryable(answered)).toEqual(HUMAN);
    expect(retryable(reduceAll([HISTORY]))).toBeUndefined();
    expect(retryable({ ...answered, unsent: [{ id: "h2", msg: "x", timestamp: "t" }] })).toBeUndefined();
    expect(retryable({ ...answered, unsent: [{ id: "h2", msg: "x", timestamp: "t", refused: "No." }] })).toEqual(HUMAN);
  });
});

describe("a continue", () => {
  const cut: Reply = { ...REPLY, finish: "length", model: "gpt-j" };
  const chat = reduceAll([HISTORY, { type: "message", ...cut }]);

  it("is possible for the last reply if it was cut, stopped, or has failed with text", () => {
    const isContinuable = (reply: Reply) => !!continuable(reduceAll([HISTORY, { type: "message", ...reply }]));
    expect(isContinuable(cut)).toBe(true);
    expect(isContinuable({ ...REPLY, status: "stopped" })).toBe(true);
    expect(isContinuable({ ...REPLY, status: "failed" })).toBe(true);
    expect(isContinuable({ ...REPLY, status: "failed", msg: "" })).toBe(false);
    expect(isContinuable(REPLY)).toBe(false);
    expect(isContinuable({ ...REPLY, finish: "stop" })).toBe(false);
    expect(isContinuable({ ...REPLY, status: "streaming" })).toBe(false);
    const later: ServerFrame = { type: "message", ...HUMAN, id: "h2" };
    expect(continuable(reduceAll([later, { type: "message", ...REPLY, id: "b2", reply_to: "h2" }], chat))).toBeUndefined();
  });

  it("streams the same reply again from its text", () => {
    const frames: ServerFrame[] = [
      { type: "ack", id: "h1", position: 0 },
      { type: "start", id: "b1", reply_to: "h1", attempt: 1, msg: "Hi!", n: 1 },
    ];
    const waiting = reduceAll(frames, { ...chat, pendingChange: { id: "h1", removes: null } });
    expect(waiting.messages).toEqual([HUMAN, { ...REPLY, status: "streaming", n: 1 }]);
    const streaming = reduceAll([{ type: "delta", id: "b1", n: 1, text: " You" }], waiting);
    expect(replyOf(streaming, "h1")?.msg).toBe("Hi! You");
    expect(reduce(waiting, { type: "delta", id: "b1", n: 2, text: "?" })).toBe("gap");
  });

  it("that fails keeps the text", () => {
    const failed: ServerFrame = { type: "error", code: "model_timeout", msg: "Too slow.", reply_to: "h1" };
    const start: ServerFrame = { type: "start", id: "b1", reply_to: "h1", attempt: 1, msg: "Hi!", n: 1 };
    const after = reduceAll([start, failed], chat);
    expect(replyOf(after, "h1")).toMatchObject({ id: "b1", msg: "Hi!", status: "failed" });
    expect(continuable(after)).toEqual(HUMAN);
  });
});

describe("a model that thinks", () => {
  const thinking: ServerFrame = { type: "thinking", id: "b1", reply_to: "h1" };
  const start: ServerFrame = { type: "start", id: "b1", reply_to: "h1", attempt: 1 };
  const wait: ServerFrame = { type: "wait", reply_to: "h1", code: "busy", retry_after: 5 };

  it("is the reason of the delay until there is text", () => {
    const waiting = reduceAll([HISTORY, start, wait, thinking, thinking]);
    expect(waiting.waitReasons).toEqual({ h1: THINKING });
    expect(reduceAll([{ type: "delta", id: "b1", n: 0, text: "Hi" }], waiting).waitReasons).toEqual({});
    expect(reduceAll([{ type: "message", ...REPLY }], waiting).waitReasons).toEqual({});
  });

  it("is not shown for a reply that has ended, or is unknown", () => {
    expect(reduceAll([HISTORY, { type: "message", ...REPLY }, thinking]).waitReasons).toEqual({});
    expect(reduceAll([HISTORY, thinking]).waitReasons).toEqual({});
  });
});

it("counts a message as answered when its reply has ended, in any status", () => {
  const streaming: Reply = { ...REPLY, status: "streaming", n: 1 };
  expect(unanswered(reduceAll([HISTORY, { type: "message", ...streaming }]))).toEqual([HUMAN]);
  for (const status of ["done", "stopped", "failed"] as const)
    expect(unanswered(reduceAll([HISTORY, { type: "message", ...REPLY, status }]))).toEqual([]);
});

it("sets a notice for an error without an id", () => {
  expect(reduceAll([{ type: "error", code: "invalid", msg: "Unreadable." }]).notice).toBe("Unreadable.");
});

/** Whether a frame acknowledges a retry that removes the reply with this id. */
function isRetried(frame: ServerFrame, replyId: string): boolean {
  const start = FRAMES.find((other) => other.type === "start" && other.id === replyId);
  const messageId = start?.type === "start" && start.reply_to;
  const startIndex = FRAMES.indexOf(start!);
  return frame.type === "ack" && frame.id === messageId && FRAMES.indexOf(frame) > startIndex;
}
