import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { CodeSpan } from "../src/page/code-spans";
import { Highlighter, type HighlightWorker } from "../src/page/highlighter";

class FakeWorker implements HighlightWorker {
  onmessage: HighlightWorker["onmessage"] = null;
  onerror: HighlightWorker["onerror"] = null;
  requests: [string, string][] = [];
  terminated = false;
  postMessage = (message: [string, string]) => void this.requests.push(message);
  terminate = () => void (this.terminated = true);
  answer = (data: "ready" | CodeSpan[] | null) => this.onmessage?.({ data } as MessageEvent);
}

const workers: FakeWorker[] = [];
const createWorker = () => workers[workers.push(new FakeWorker()) - 1]!;

beforeEach(() => {
  workers.length = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

it("starts one worker with the first block, and sends it one block at a time", async () => {
  const highlighter = new Highlighter(createWorker);
  expect(workers).toHaveLength(0);
  const one = highlighter.highlight("a", "js");
  const two = highlighter.highlight("b", "js");
  workers[0]!.answer("ready");
  expect(workers[0]!.requests).toEqual([["a", "js"]]);
  workers[0]!.answer([["k", "a"]]);
  workers[0]!.answer([["", "b"]]);
  expect(await one).toEqual([["k", "a"]]);
  expect(await two).toEqual([["", "b"]]);
  expect(workers).toHaveLength(1);
});

it("terminates a worker after a timeout, and starts another one", async () => {
  const highlighter = new Highlighter(createWorker);
  const endless = highlighter.highlight("endless", "sql");
  const next = highlighter.highlight("b", "js");
  vi.advanceTimersByTime(60_000); // the timeout does not include loading
  expect(workers[0]!.terminated).toBe(false);
  workers[0]!.answer("ready");
  vi.advanceTimersByTime(1_000);
  expect(workers[0]!.terminated).toBe(true);
  expect(await endless).toBeNull();
  workers[1]!.answer("ready");
  workers[1]!.answer([["", "b"]]);
  expect(await next).toEqual([["", "b"]]);
});

it("returns null if the worker cannot be loaded", async () => {
  const highlighter = new Highlighter(createWorker);
  const one = highlighter.highlight("a", "js");
  workers[0]!.onerror?.(new Event("error") as ErrorEvent);
  expect(await one).toBeNull();
  const forbidden = new Highlighter(() => {
    throw new Error("forbidden");
  });
  expect(await forbidden.highlight("a", "js")).toBeNull();
});
