import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { Highlighter, type Thread } from "../src/page/highlighter";
import type { Run } from "../src/page/highlight";

class Pretend implements Thread {
  onmessage: Thread["onmessage"] = null;
  onerror: Thread["onerror"] = null;
  asked: [string, string][] = [];
  ended = false;
  postMessage = (message: [string, string]) => void this.asked.push(message);
  terminate = () => void (this.ended = true);
  answer = (data: "ready" | Run[] | null) => this.onmessage?.({ data } as MessageEvent);
}

const threads: Pretend[] = [];
const open = () => threads[threads.push(new Pretend()) - 1]!;

beforeEach(() => {
  threads.length = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it("opens one thread, when it is first asked, and asks it one thing at a time", async () => {
  const highlighter = new Highlighter(open);
  expect(threads).toHaveLength(0);
  const one = highlighter.colour("a", "js");
  const two = highlighter.colour("b", "js");
  threads[0]!.answer("ready");
  expect(threads[0]!.asked).toEqual([["a", "js"]]);
  threads[0]!.answer([["k", "a"]]);
  threads[0]!.answer([["", "b"]]);
  expect(await one).toEqual([["k", "a"]]);
  expect(await two).toEqual([["", "b"]]);
  expect(threads).toHaveLength(1);
});

it("ends a thread that takes too long and goes on with another", async () => {
  const highlighter = new Highlighter(open);
  const hangs = highlighter.colour("endless", "sql");
  const next = highlighter.colour("b", "js");
  vi.advanceTimersByTime(60_000); // loading may take its time
  expect(threads[0]!.ended).toBe(false);
  threads[0]!.answer("ready");
  vi.advanceTimersByTime(1_000);
  expect(threads[0]!.ended).toBe(true);
  expect(await hangs).toBeNull();
  threads[1]!.answer("ready");
  threads[1]!.answer([["", "b"]]);
  expect(await next).toEqual([["", "b"]]);
});

it("has no colours where the thread cannot be loaded", async () => {
  const highlighter = new Highlighter(open);
  const one = highlighter.colour("a", "js");
  threads[0]!.onerror?.(new Event("error") as ErrorEvent);
  expect(await one).toBeNull();
  const forbidden = new Highlighter(() => {
    throw new Error("no threads here");
  });
  expect(await forbidden.colour("a", "js")).toBeNull();
});
