import { describe, expect, it } from "vitest";

import { type Chat, EMPTY, fold, NO_WORKER, replyOf, retryable, unanswered } from "../src/fold";
import type { Bot, Frame } from "../src/wire";
import { FRAMES, historyAfter } from "./recording";

const SESSION = { name: "Ada", session_start: "2026-01-31T09:30:00+00:00" };
const ASKED = { id: "h1", source: "human", msg: "Hello", timestamp: "t1" } as const;
const REPLY: Bot = { id: "b1", source: "bot", msg: "Hi!", timestamp: "t2", reply_to: "h1", status: "done" };
const HISTORY: Frame = { type: "history", session: SESSION, messages: [ASKED] };

/** Fold frames into a chat; a gap fails the test. */
function folded(frames: Frame[], chat: Chat = EMPTY): Chat {
  return frames.reduce((before, frame) => {
    const after = fold(before, frame);
    if (after === "gap") throw new Error(`a gap before ${JSON.stringify(frame)}`);
    return after;
  }, chat);
}

describe("a recorded session", () => {
  const whole = folded(FRAMES);

  it("ends as the server's history has it", () => {
    expect(whole.messages).toEqual(folded([historyAfter(FRAMES.length)]).messages);
    expect(whole.messages.map(({ source }) => source)).toEqual(["human", "bot", "human", "bot", "human", "bot"]);
  });

  it("ends the same when the connection is cut at any point and comes back at any later one", () => {
    for (let cut = 0; cut <= FRAMES.length; cut++) {
      const before = folded(FRAMES.slice(0, cut));
      for (let back = Math.max(1, cut); back <= FRAMES.length; back++) {
        const after = folded([historyAfter(back), ...FRAMES.slice(back)], before);
        expect(after.messages, `cut at ${cut}, back at ${back}`).toEqual(whole.messages);
      }
    }
  });

  it("is told the same by the frames and by the history at every point of its replies", () => {
    for (let point = 1; point <= FRAMES.length; point++) {
      if (FRAMES[point - 1]!.type === "ack") continue; // the other tabs learn of it with the next frame
      expect(folded(FRAMES.slice(0, point)).messages, `after ${point}`).toEqual(
        folded([historyAfter(point)]).messages,
      );
    }
  });

  it("drops deltas that the history already had", () => {
    for (let back = 1; back <= FRAMES.length; back++) {
      const late = FRAMES.slice(0, back).filter(
        (frame, i, all) => frame.type === "delta" && !all.slice(i).some((later) => isRetried(later, frame.id)),
      );
      const after = folded([historyAfter(back), ...late, ...FRAMES.slice(back)]);
      expect(after.messages, `back at ${back}`).toEqual(whole.messages);
    }
  });

  it("shows a gap when a delta is missing before another", () => {
    let gaps = 0;
    FRAMES.forEach((frame, i) => {
      const next = FRAMES[i + 1];
      if (frame.type !== "delta" || next?.type !== "delta" || next.id !== frame.id) return;
      expect(fold(folded(FRAMES.slice(0, i)), next)).toBe("gap");
      gaps++;
    });
    expect(gaps).toBeGreaterThan(10);
  });

  it("adds deltas up to the text of the whole reply", () => {
    let replies = 0;
    FRAMES.forEach((frame, i) => {
      if (frame.type !== "message" || frame.source !== "bot") return;
      expect(replyOf(folded(FRAMES.slice(0, i)), frame.reply_to)?.msg).toBe(frame.msg);
      replies++;
    });
    expect(replies).toBe(4);
  });
});

describe("the history", () => {
  it("replaces what was held", () => {
    const chat = folded([HISTORY, { type: "message", ...REPLY }, { type: "history", session: SESSION, messages: [] }]);
    expect(chat.messages).toEqual([]);
  });

  it("takes what it has out of what waits to be sent", () => {
    const own = [{ ...ASKED }, { ...ASKED, id: "h2" }];
    expect(folded([HISTORY], { ...EMPTY, own }).own.map(({ id }) => id)).toEqual(["h2"]);
  });
});

describe("an own message", () => {
  const own = { id: "h2", msg: "And?", timestamp: "written" };
  const chat: Chat = { ...folded([HISTORY]), own: [own] };

  it("joins the chat when it is acknowledged, with its place", () => {
    const after = folded([{ type: "ack", id: "h2", position: 3 }], chat);
    expect(after.own).toEqual([]);
    expect(after.messages.at(-1)).toEqual({ id: "h2", source: "human", msg: "And?", timestamp: "written" });
    expect(after.places["h2"]).toBe(3);
  });

  it("stands in the chat once, though the server sends it too, before or after", () => {
    const ack: Frame = { type: "ack", id: "h2", position: 0 };
    const sent: Frame = { type: "message", id: "h2", source: "human", msg: "And?", timestamp: "stored" };
    for (const frames of [[ack, sent], [sent, ack], [ack, sent, ack]]) {
      const after = folded(frames, chat);
      expect(after.messages.map(({ id }) => id)).toEqual(["h1", "h2"]);
      expect(after.own).toEqual([]);
      expect(after.messages.at(-1)?.timestamp).toBe("stored");
    }
  });

  it("is marked when it is refused for good, and waits when it is refused for now", () => {
    const no: Frame = { type: "error", code: "too_long", msg: "Too long.", id: "h2" };
    expect(folded([no], chat).own[0]?.refused).toBe("Too long.");
    expect(folded([{ ...no, code: "busy", retry_after: 2 }], chat).own).toEqual([own]);
  });
});

describe("a reply", () => {
  const started = folded([
    HISTORY,
    { type: "message", id: "h2", source: "human", msg: "And?", timestamp: "t3" },
    { type: "start", id: "b1", reply_to: "h1", attempt: 1 },
    { type: "delta", id: "b1", n: 0, text: "Hel" },
  ]);

  it("stands right behind its message", () => {
    expect(started.messages.map(({ id }) => id)).toEqual(["h1", "b1", "h2"]);
  });

  it("begins anew with an empty text", () => {
    const again = folded([{ type: "start", id: "b1", reply_to: "h1", attempt: 2 }], started);
    expect(replyOf(again, "h1")).toMatchObject({ msg: "", n: 0, status: "streaming" });
    expect(again.messages).toHaveLength(3);
  });

  it("takes the place of an earlier one when it starts or comes whole", () => {
    for (const frame of [
      { type: "start", id: "b2", reply_to: "h1", attempt: 1 },
      { type: "message", ...REPLY, id: "b2" },
    ] as Frame[])
      expect(folded([frame], started).messages.map(({ id }) => id)).toEqual(["h1", "b2", "h2"]);
  });

  it("fails with the text that it had", () => {
    const failed: Frame = { type: "error", code: "model_timeout", msg: "Too slow.", reply_to: "h1" };
    expect(replyOf(folded([failed], started), "h1")).toMatchObject({
      id: "b1",
      msg: "Hel",
      status: "failed",
      error: "model_timeout",
    });
    expect(replyOf(folded([{ ...failed, reply_to: "h2" }], started), "h2")).toMatchObject({ msg: "", status: "failed" });
    expect(folded([{ ...failed, reply_to: "elsewhere" }], started)).toEqual(started);
  });

  it("takes no delta once it is whole, and a delta of an unknown one is a gap", () => {
    const whole = folded([{ type: "message", ...REPLY }], started);
    expect(folded([{ type: "delta", id: "b1", n: 7, text: "!" }], whole)).toEqual(whole);
    expect(fold(whole, { type: "delta", id: "b9", n: 0, text: "!" })).toBe("gap");
  });

  it("that waits for the model says so until it moves on", () => {
    const wait: Frame = { type: "wait", reply_to: "h1", code: "model_unavailable", retry_after: 5 };
    const held = folded([wait, wait], started);
    expect(held.held).toEqual({ h1: "model_unavailable" });
    expect(folded([{ type: "delta", id: "b1", n: 1, text: "lo" }], held).held).toEqual({});
    expect(folded([{ type: "start", id: "b1", reply_to: "h1", attempt: 2 }], held).held).toEqual({});
  });

  it("that no worker can make says so until one begins it, or is back and busy", () => {
    const wait: Frame = { type: "wait", reply_to: "h1", code: "busy", retry_after: 15 };
    const absent = folded([HISTORY, { ...wait, reason: NO_WORKER }, { type: "ack", id: "h1", position: 3 }]);
    expect(absent.held).toEqual({ h1: NO_WORKER });
    expect(folded([{ type: "start", id: "b1", reply_to: "h1", attempt: 1 }], absent).held).toEqual({});
    expect(folded([wait], absent).held).toEqual({ h1: "busy" });
    expect(folded([HISTORY], absent).held).toEqual({});
  });

  it("ends the message's place in the queue when it begins", () => {
    const waiting = folded([HISTORY, { type: "ack", id: "h1", position: 4 }]);
    expect(waiting.places).toEqual({ h1: 4 });
    expect(folded([{ type: "start", id: "b1", reply_to: "h1", attempt: 1 }], waiting).places).toEqual({});
  });
});

describe("a retry", () => {
  const answered = folded([HISTORY, { type: "message", ...REPLY }]);
  const ack: Frame = { type: "ack", id: "h1", position: 0 };
  const retrying: Chat = { ...answered, retrying: { id: "h1", reply: "b1" } };

  it("takes the old reply away when it is acknowledged, not when a message is acknowledged again", () => {
    expect(folded([ack], retrying).messages).toEqual([ASKED]);
    expect(folded([ack], answered).messages).toEqual([ASKED, REPLY]);
  });

  it("leaves the new reply alone that another tab asked for", () => {
    const frames: Frame[] = [{ type: "start", id: "b2", reply_to: "h1", attempt: 1 }, ack];
    expect(folded(frames, retrying).messages.map(({ id }) => id)).toEqual(["h1", "b2"]);
  });

  it("that is refused leaves the reply and says why", () => {
    const no: Frame = { type: "error", code: "unknown_message", msg: "Only the last.", id: "h1" };
    const after = folded([no], retrying);
    expect(after).toMatchObject({ retrying: null, notice: "Only the last." });
    expect(after.messages).toEqual([ASKED, REPLY]);
  });

  it("is for the last message only, when nothing waits", () => {
    expect(retryable(answered)).toEqual(ASKED);
    expect(retryable(folded([HISTORY]))).toBeUndefined();
    expect(retryable({ ...answered, own: [{ id: "h2", msg: "x", timestamp: "t" }] })).toBeUndefined();
    expect(retryable({ ...answered, own: [{ id: "h2", msg: "x", timestamp: "t", refused: "No." }] })).toEqual(ASKED);
  });
});

it("counts a message as answered when its reply is finished, however it ended", () => {
  const streaming: Bot = { ...REPLY, status: "streaming", n: 1 };
  expect(unanswered(folded([HISTORY, { type: "message", ...streaming }]))).toEqual([ASKED]);
  for (const status of ["done", "stopped", "failed"] as const)
    expect(unanswered(folded([HISTORY, { type: "message", ...REPLY, status }]))).toEqual([]);
});

it("shows a refusal that names nothing", () => {
  expect(folded([{ type: "error", code: "invalid", msg: "Unreadable." }]).notice).toBe("Unreadable.");
});

/** Whether a frame takes the reply with this id out of the history. */
function isRetried(frame: Frame, replyId: string): boolean {
  const start = FRAMES.find((other) => other.type === "start" && other.id === replyId);
  const asked = start?.type === "start" && start.reply_to;
  const begun = FRAMES.indexOf(start!);
  return frame.type === "ack" && frame.id === asked && FRAMES.indexOf(frame) > begun;
}
