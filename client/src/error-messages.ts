// The messages that a person reads for the error codes of the contract. They are the server's.

import type { Reply } from "./frames";

const MESSAGES: Record<string, string> = {
  model_unavailable: "The model cannot be reached right now. Please try again in a moment.",
  model_timeout: "The model took too long to answer. Please try again.",
  model_refused: "The model could not answer this message. Please try another wording.",
  internal: "Something went wrong on our side. Please try again.",
};

/** Return the message for a failed reply. */
export function errorMessage({ error, error_msg }: Pick<Reply, "error" | "error_msg">): string {
  return error_msg ?? MESSAGES[error ?? ""] ?? "The reply failed.";
}
