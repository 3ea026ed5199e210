// The server's sessions over HTTP. The token travels in a header, never in an address.

import type { Message, Session } from "./wire";

const ANSWER_WITHIN = 15_000; // ms

export class Refused extends Error {}

/** Begin a session and return its token; throw `Refused` with words for the person. */
export async function begin(name: string): Promise<string> {
  const answer = await ask("POST", "/token", {
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
  });
  if (answer.ok) return (await answer.json()).token;
  if (answer.status === 400) throw new Refused("Enter a name of 1 to 100 characters.");
  if (answer.status === 429) {
    const wait = Number(answer.headers.get("Retry-After"));
    throw new Refused(`That was quick. Please try again ${wait > 1 ? `in ${wait} seconds` : "in a moment"}.`);
  }
  throw new Refused("The chat is out of reach right now. Please try again in a moment.");
}

/** Return a session and all that was said in it; throw `Refused` if it cannot be had. */
export async function history(token: string): Promise<{ session: Session; messages: Message[] }> {
  const answer = await ask("POST", "/refresh_token", bearer(token));
  if (!answer.ok) throw new Refused("The chat cannot be had right now. Please try again in a moment.");
  const { name, session_start, messages } = await answer.json();
  return { session: { name, session_start }, messages: messages.map(untagged) };
}

/** Over HTTP the tag in a text says who speaks. */
function untagged({ msg, ...rest }: { msg: string }): Message {
  const bot = msg.startsWith("Bot: ");
  return { ...rest, source: bot ? "bot" : "human", msg: msg.replace(/^(Bot|Human): /, "") } as Message;
}

/**
 * How a session stands whose socket could not be opened: `gone`, `refused` (HTTP is answered: it is
 * the socket that is not wanted), `busy` (the server, or what stands behind it, is out of reach), or
 * `absent` (nobody answers).
 */
export type Standing = "gone" | "refused" | "busy" | "absent";

/** Ask over HTTP how a session stands. */
export async function standing(token: string): Promise<Standing> {
  try {
    const { status } = await ask("POST", "/refresh_token", bearer(token));
    return status === 400 ? "gone" : status >= 500 || status === 429 ? "busy" : "refused";
  } catch {
    return "absent";
  }
}

/** Erase a session and its history; throw `Refused` if that could not be done. */
export async function erase(token: string): Promise<void> {
  const answer = await ask("DELETE", "/token", bearer(token));
  const done = answer.ok || answer.status === 400; // 400: it is gone already
  if (!done) throw new Refused("It could not be erased. Please try again in a moment.");
}

function bearer(token: string): RequestInit {
  return { headers: { Authorization: `Bearer ${token}` } };
}

async function ask(method: string, path: string, rest: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { method, signal: AbortSignal.timeout(ANSWER_WITHIN), ...rest });
  } catch {
    throw new Refused("The server cannot be reached. Are you online?");
  }
}
