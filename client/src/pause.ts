// How long to wait before the next try to connect.

const FIRST = 500; // ms
const LONGEST = 15_000; // ms
const GOING = 1012; // the process goes and another one is there
const BUSY = 1013;

/** Return the milliseconds to wait before try `tries` (from 0) after a close with `code`. */
export function pause(code: number, tries: number, random = Math.random()): number {
  // All clients of a process that goes come at once: spread them, but let none wait long.
  if (code === GOING && tries === 0) return random * 1000;
  const grown = Math.min(LONGEST, FIRST * 2 ** (tries + (code === BUSY ? 3 : 0)));
  return grown * (0.5 + random / 2);
}
