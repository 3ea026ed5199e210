// The HTTP requests on sessions. The token is sent in a header, never in a URL.

import type { Message, Session } from "./frames";

const RESPONSE_TIMEOUT = 15_000; // ms

/** A request failed. The message is written for the person. */
export class RequestError extends Error {}

/** Create a session and return its token. Throws `RequestError`. */
export async function createSession(name: string): Promise<string> {
  const response = await request("POST", "/token", {
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (response.ok) return (await response.json()).token;
  if (response.status === 400) throw new RequestError("Enter a name of 1 to 100 characters.");
  if (response.status === 429) {
    const seconds = Number(response.headers.get("Retry-After"));
    const when = seconds > 1 ? `in ${seconds} seconds` : "in a moment";
    throw new RequestError(`Too many chats were started. Please try again ${when}.`);
  }
  throw new RequestError("The chat cannot be reached right now. Please try again in a moment.");
}

/** Return a session and all its messages. Throws `RequestError`. */
export async function fetchHistory(token: string): Promise<{ session: Session; messages: Message[] }> {
  const response = await request("POST", "/refresh_token", authorization(token));
  if (!response.ok)
    throw new RequestError("The chat cannot be loaded right now. Please try again in a moment.");
  const { name, session_start, messages } = await response.json();
  return { session: { name, session_start }, messages: messages.map(toMessage) };
}

/** Over HTTP, a prefix in the text ("Bot: " or "Human: ") names the message's source. */
function toMessage({ msg, ...rest }: { msg: string }): Message {
  const source = msg.startsWith("Bot: ") ? "bot" : "human";
  return { ...rest, source, msg: msg.replace(/^(Bot|Human): /, "") } as Message;
}

/**
 * The state of a session whose WebSocket could not be opened:
 *
 * - `gone`: the session does not exist;
 * - `refused`: HTTP works, so only the WebSocket is refused;
 * - `busy`: the server is overloaded, or cannot reach what it needs;
 * - `unreachable`: there was no HTTP response.
 */
export type SessionStatus = "gone" | "refused" | "busy" | "unreachable";

/** Ask the server over HTTP for the state of a session. */
export async function sessionStatus(token: string): Promise<SessionStatus> {
  try {
    const { status } = await request("POST", "/refresh_token", authorization(token));
    return status === 400 ? "gone" : status >= 500 || status === 429 ? "busy" : "refused";
  } catch {
    return "unreachable";
  }
}

/** Erase a session and its history. Throws `RequestError`. */
export async function eraseSession(token: string): Promise<void> {
  const response = await request("DELETE", "/token", authorization(token));
  const erased = response.ok || response.status === 400; // 400: it does not exist any more
  if (!erased) throw new RequestError("The chat could not be erased. Please try again in a moment.");
}

function authorization(token: string): RequestInit {
  return { headers: { Authorization: `Bearer ${token}` } };
}

async function request(method: string, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { method, signal: AbortSignal.timeout(RESPONSE_TIMEOUT), ...init });
  } catch {
    throw new RequestError("The server cannot be reached. Are you online?");
  }
}
