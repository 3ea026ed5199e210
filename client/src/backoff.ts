// The delay before the next attempt to connect.

const FIRST_DELAY = 500; // ms
const MAX_DELAY = 15_000; // ms
const SERVICE_RESTART = 1012; // this process is shutting down; another one can be reached
const TRY_AGAIN_LATER = 1013;

/** Return the delay in ms before attempt `attempt` (from 0), after a WebSocket closed with `code`. */
export function backoff(code: number, attempt: number, random = Math.random()): number {
  // A process that shuts down closes all its WebSockets at once. The clients reconnect spread over
  // one second.
  if (code === SERVICE_RESTART && attempt === 0) return random * 1000;
  const exponent = attempt + (code === TRY_AGAIN_LATER ? 3 : 0);
  const delay = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** exponent);
  return delay * (0.5 + random / 2);
}
