import { expect, it } from "vitest";

import { pause } from "../src/pause";

it("grows from try to try, to a bound, and is never the same for all", () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 50].map((tries) => pause(1006, tries, 1));
  expect(longest).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  for (const tries of [0, 3, 50]) expect(pause(1006, tries, 0)).toBe(pause(1006, tries, 1) / 2);
});

it("is short when the process goes and long when the server is busy", () => {
  expect(pause(1012, 0, 0)).toBe(0);
  expect(pause(1012, 0, 1)).toBe(1000);
  expect(pause(1012, 3, 1)).toBe(pause(1006, 3, 1));
  expect(pause(1013, 0, 0)).toBeGreaterThan(pause(1006, 1, 1));
});
