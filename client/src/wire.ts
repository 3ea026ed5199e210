// The frames of `chat.events.v1`. Fields that are not named here are ignored.

export const SUBPROTOCOL = "chat.events.v1";

export interface Session {
  name: string;
  session_start: string;
}

export interface Human {
  id: string;
  source: "human";
  msg: string;
  timestamp: string;
}

export interface Bot {
  id: string;
  source: "bot";
  msg: string;
  timestamp: string;
  reply_to: string;
  status: "streaming" | "done" | "stopped" | "failed";
  /** Why it failed, a code. */
  error?: string;
  /** While it streams: the deltas that `msg` holds. */
  n?: number;
}

export type Message = Human | Bot;

export type Frame =
  | { type: "history"; session: Session; messages: Message[] }
  | { type: "ack"; id: string; position: number }
  | ({ type: "message" } & Message)
  | { type: "start"; id: string; reply_to: string; attempt: number }
  | { type: "delta"; id: string; n: number; text: string }
  | { type: "wait"; reply_to: string; code: string; retry_after: number; reason?: string }
  | { type: "error"; code: string; msg: string; id?: string; reply_to?: string; retry_after?: number };

/** What the client asks for; a `ping` is answered with a `pong`, which says no more than any frame. */
export type Asked =
  | { type: "message"; id: string; msg: string }
  | { type: "stop"; id: string }
  | { type: "retry"; id: string };

export type Ping = { type: "ping" };

const KNOWN = new Set(["history", "ack", "message", "start", "delta", "wait", "error"]);

/** Read a frame; null for one that is of no type known here. */
export function readFrame(data: unknown): Frame | null {
  try {
    const frame = JSON.parse(String(data));
    return KNOWN.has(frame?.type) ? frame : null;
  } catch {
    return null;
  }
}
