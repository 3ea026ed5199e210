import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Heartbeat } from "../src/heartbeat";

let heartbeat: Heartbeat;
let owed: boolean;
let pings: number;
let dead: number;

beforeEach(() => {
  vi.useFakeTimers();
  owed = false;
  pings = dead = 0;
  const ends = { ping: () => void pings++, isOwed: () => owed, onDead: () => void dead++ };
  heartbeat = new Heartbeat(ends);
  heartbeat.heard();
});

afterEach(() => {
  heartbeat.stop();
  vi.useRealTimers();
});

/** Let time pass while every timer stands still, as on a machine that sleeps. */
function sleep(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

function pass(seconds: number): void {
  vi.advanceTimersByTime(seconds * 1000);
}

describe("silence", () => {
  it("leads to a ping after 10 s while a reply is due", () => {
    owed = true;
    pass(9.9);
    expect(pings).toBe(0);
    pass(0.1);
    expect(pings).toBe(1);
  });

  it("leads to a ping after 25 s while idle", () => {
    pass(24.9);
    expect(pings).toBe(0);
    pass(0.1);
    expect(pings).toBe(1);
  });

  it("is the end 5 s after the ping", () => {
    pass(29.9);
    expect(dead).toBe(0);
    pass(0.1);
    expect(dead).toBe(1);
    pass(600);
    expect([pings, dead]).toEqual([1, 1]);
  });

  it("counts from when something was asked", () => {
    pass(20);
    owed = true;
    heartbeat.asked();
    pass(9.9);
    expect(pings).toBe(0);
    pass(5);
    expect([pings, dead]).toEqual([1, 0]);
    pass(0.1);
    expect(dead).toBe(1);
  });

  it("that is broken by any frame counts anew, and answers a ping", () => {
    for (let round = 0; round < 5; round++) {
      pass(29.9);
      heartbeat.heard();
    }
    expect([pings, dead]).toEqual([5, 0]);
  });

  it("is judged though something is asked again and again", () => {
    pass(25);
    for (let second = 0; second < 5; second++) {
      pass(1);
      if (!dead) heartbeat.asked();
    }
    expect(dead).toBe(1);
  });
});

describe("a check", () => {
  it("pings at once, and is judged after 5 s", () => {
    heartbeat.check();
    expect(pings).toBe(1);
    pass(5);
    expect(dead).toBe(1);
  });

  it("that is asked for again does not put off its judgement", () => {
    heartbeat.check();
    pass(3);
    heartbeat.check();
    expect(pings).toBe(1);
    pass(2);
    expect(dead).toBe(1);
  });

  it("is nothing after the end", () => {
    heartbeat.check();
    heartbeat.stop();
    pass(600);
    expect(dead).toBe(0);
  });
});

describe("a machine that slept", () => {
  it("is not judged by a ping from before", () => {
    pass(26); // pinged
    sleep(3_600_000);
    pass(4); // the timer fires, an hour late
    expect([pings, dead]).toEqual([2, 0]);
    heartbeat.heard();
    pass(24);
    expect(dead).toBe(0);
  });

  it("is judged 5 s after it woke, in silence", () => {
    pass(26);
    sleep(3_600_000);
    pass(4);
    pass(5);
    expect(dead).toBe(1);
  });

  it("asks anew when it is looked at before its timers fire", () => {
    pass(26);
    sleep(3_600_000);
    heartbeat.check();
    expect(pings).toBe(2);
    pass(4.9);
    expect(dead).toBe(0);
    pass(0.1);
    expect(dead).toBe(1);
  });

  it("is judged in a tab whose timers are always late", () => {
    pass(25);
    for (let late = 0; late < 2; late++) {
      sleep(60_000);
      pass(5);
    }
    expect([pings, dead]).toEqual([2, 1]);
  });
});
