import { expect, it } from "vitest";

import { backoff } from "../src/backoff";

it("grows with each attempt up to a bound, with random jitter", () => {
  const maxDelays = [0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => backoff(1006, attempt, 1));
  expect(maxDelays).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  for (const attempt of [0, 3, 50]) expect(backoff(1006, attempt, 0)).toBe(backoff(1006, attempt, 1) / 2);
});

it("is short when the process shuts down and long when the server is busy", () => {
  expect(backoff(1012, 0, 0)).toBe(0);
  expect(backoff(1012, 0, 1)).toBe(1000);
  expect(backoff(1012, 3, 1)).toBe(backoff(1006, 3, 1));
  expect(backoff(1013, 0, 0)).toBeGreaterThan(backoff(1006, 1, 1));
});
