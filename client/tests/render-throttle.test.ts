import { expect, it } from "vitest";

import { RenderThrottle } from "../src/page/render-throttle";

it("does not delay the first rendering", () => {
  expect(new RenderThrottle().delay(0)).toBe(0);
});

it("delays a rendering by four times the duration of the last one", () => {
  const throttle = new RenderThrottle();
  throttle.onRendered(1_000, 1_050);
  expect(throttle.delay(1_050)).toBe(200);
  expect(throttle.delay(1_150)).toBe(100);
  expect(throttle.delay(1_250)).toBe(0);
  expect(throttle.delay(9_000)).toBe(0);
});

it("renders for less than a quarter of the time, however long a rendering takes", () => {
  for (const cost of [0, 1, 30, 700]) {
    const throttle = new RenderThrottle();
    let [now, busy] = [0, 0];
    while (now < 60_000) {
      now += throttle.delay(now);
      throttle.onRendered(now, now + cost);
      now += Math.max(cost, 1);
      busy += cost;
    }
    expect(busy / now).toBeLessThan(cost > 1 ? 0.25 : 0.5);
  }
});

it("uses the duration of the last rendering only", () => {
  const throttle = new RenderThrottle();
  throttle.onRendered(0, 1_000);
  throttle.onRendered(5_000, 5_001);
  expect(throttle.delay(5_001)).toBe(4);
});
