import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Keepalive } from "../src/keepalive";

let keepalive: Keepalive;
let isResponsePending: boolean;
let pings: number;
let deaths: number;

beforeEach(() => {
  vi.useFakeTimers();
  isResponsePending = false;
  pings = deaths = 0;
  keepalive = new Keepalive({
    sendPing: () => void pings++,
    isResponsePending: () => isResponsePending,
    onDead: () => void deaths++,
  });
  keepalive.frameReceived();
});

afterEach(() => {
  keepalive.stop();
  vi.useRealTimers();
});

/** Advance the clock without firing timers, as on a suspended machine. */
function suspend(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

/** Advance the clock and fire timers. */
function pass(seconds: number): void {
  vi.advanceTimersByTime(seconds * 1000);
}

describe("after a silence", () => {
  it("sends a ping after 10 s while a response is pending", () => {
    isResponsePending = true;
    pass(9.9);
    expect(pings).toBe(0);
    pass(0.1);
    expect(pings).toBe(1);
  });

  it("sends a ping after 25 s while idle", () => {
    pass(24.9);
    expect(pings).toBe(0);
    pass(0.1);
    expect(pings).toBe(1);
  });

  it("reports a dead connection 5 s after the ping", () => {
    pass(29.9);
    expect(deaths).toBe(0);
    pass(0.1);
    expect(deaths).toBe(1);
    pass(600);
    expect([pings, deaths]).toEqual([1, 1]);
  });

  it("measures the silence from the last request", () => {
    pass(20);
    isResponsePending = true;
    keepalive.requestSent();
    pass(9.9);
    expect(pings).toBe(0);
    pass(5);
    expect([pings, deaths]).toEqual([1, 0]);
    pass(0.1);
    expect(deaths).toBe(1);
  });

  it("accepts any frame as a pong, and measures the silence from it", () => {
    for (let round = 0; round < 5; round++) {
      pass(29.9);
      keepalive.frameReceived();
    }
    expect([pings, deaths]).toEqual([5, 0]);
  });

  it("reports a dead connection even if requests are sent after the ping", () => {
    pass(25);
    for (let second = 0; second < 5; second++) {
      pass(1);
      if (!deaths) keepalive.requestSent();
    }
    expect(deaths).toBe(1);
  });
});

describe("check", () => {
  it("sends a ping at once, and reports a dead connection after 5 s", () => {
    keepalive.check();
    expect(pings).toBe(1);
    pass(5);
    expect(deaths).toBe(1);
  });

  it("does not extend the timeout of a ping when it is called again", () => {
    keepalive.check();
    pass(3);
    keepalive.check();
    expect(pings).toBe(1);
    pass(2);
    expect(deaths).toBe(1);
  });

  it("has no effect after stop", () => {
    keepalive.check();
    keepalive.stop();
    pass(600);
    expect(deaths).toBe(0);
  });
});

describe("after the machine was suspended", () => {
  it("sends another ping instead of reporting a dead connection", () => {
    pass(26); // pinged
    suspend(3_600_000);
    pass(4); // the timer fires, an hour late
    expect([pings, deaths]).toEqual([2, 0]);
    keepalive.frameReceived();
    pass(24);
    expect(deaths).toBe(0);
  });

  it("reports a dead connection 5 s after the other ping", () => {
    pass(26);
    suspend(3_600_000);
    pass(4);
    pass(5);
    expect(deaths).toBe(1);
  });

  it("sends another ping when check is called before the timers fire", () => {
    pass(26);
    suspend(3_600_000);
    keepalive.check();
    expect(pings).toBe(2);
    pass(4.9);
    expect(deaths).toBe(0);
    pass(0.1);
    expect(deaths).toBe(1);
  });

  it("reports a dead connection in a tab whose timers are always late", () => {
    pass(25);
    for (let late = 0; late < 2; late++) {
      suspend(60_000);
      pass(5);
    }
    expect([pings, deaths]).toEqual([2, 1]);
  });
});
