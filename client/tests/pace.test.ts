import { expect, it } from "vitest";

import { Pace } from "../src/page/pace";

it("does not wait for the first rendering", () => {
  expect(new Pace().wait(0)).toBe(0);
});

it("waits four times as long as the last rendering took", () => {
  const pace = new Pace();
  pace.rendered(1_000, 1_050);
  expect(pace.wait(1_050)).toBe(200);
  expect(pace.wait(1_150)).toBe(100);
  expect(pace.wait(1_250)).toBe(0);
  expect(pace.wait(9_000)).toBe(0);
});

it("leaves most of the time free however long a rendering takes", () => {
  for (const cost of [0, 1, 30, 700]) {
    const pace = new Pace();
    let [now, busy] = [0, 0];
    while (now < 60_000) {
      now += pace.wait(now);
      pace.rendered(now, now + cost);
      now += Math.max(cost, 1);
      busy += cost;
    }
    expect(busy / now).toBeLessThan(cost > 1 ? 0.25 : 0.5);
  }
});

it("forgets a slow rendering after a quick one", () => {
  const pace = new Pace();
  pace.rendered(0, 1_000);
  pace.rendered(5_000, 5_001);
  expect(pace.wait(5_001)).toBe(4);
});
