// The frames of `chat.events.v1`. The page ignores fields that are not named here.

export const SUBPROTOCOL = "chat.events.v1";

export interface Session {
  name: string;
  session_start: string;
}

export interface HumanMessage {
  id: string;
  source: "human";
  msg: string;
  timestamp: string;
}

export interface Reply {
  id: string;
  source: "bot";
  msg: string;
  timestamp: string;
  reply_to: string;
  status: "streaming" | "done" | "stopped" | "failed";
  /** The error code of a failed reply. */
  error?: string;
  /** The message that a person reads, if it is not that of the code. */
  error_msg?: string;
  /** While the reply is streaming: the number of deltas in `msg`. */
  n?: number;
  /** Once the reply is done: whether the model ended it, or its limit cut it. */
  finish?: "stop" | "length";
  /** Once the reply is done: the name of the model that answered. */
  model?: string;
}

export type Message = HumanMessage | Reply;

export type ServerFrame =
  | { type: "history"; session: Session; messages: Message[] }
  | { type: "ack"; id: string; position: number }
  | ({ type: "message" } & Message)
  | { type: "start"; id: string; reply_to: string; attempt: number; msg?: string; n?: number }
  | { type: "thinking"; id: string; reply_to: string }
  | { type: "delta"; id: string; n: number; text: string }
  | { type: "wait"; reply_to: string; code: string; retry_after: number; reason?: string }
  | { type: "error"; code: string; msg: string; id?: string; reply_to?: string; retry_after?: number };

/** A frame of the client that the server answers with an `ack`, an `error` or the reply. */
export type ClientRequest =
  | { type: "message"; id: string; msg: string }
  | { type: "stop"; id: string }
  | { type: "retry"; id: string; msg?: string }
  | { type: "continue"; id: string };

/** The server answers with a `pong`. The page needs no type for it: any frame shows that the connection is alive. */
export type Ping = { type: "ping" };

const SERVER_FRAME_TYPES = new Set([
  "history",
  "ack",
  "message",
  "start",
  "thinking",
  "delta",
  "wait",
  "error",
]);

/** Parse a frame of the server. Return null if it is no JSON or its type is unknown. */
export function parseFrame(data: unknown): ServerFrame | null {
  try {
    const frame = JSON.parse(String(data));
    return SERVER_FRAME_TYPES.has(frame?.type) ? frame : null;
  } catch {
    return null;
  }
}
