// The messages that a person reads for the error codes of the contract.

const MESSAGES: Record<string, string> = {
  model_unavailable: "The model cannot be reached right now.",
  model_timeout: "The model took too long to answer.",
  model_refused: "The model could not answer this message. Another wording may help.",
  internal: "Something went wrong on our side.",
};

/** Return the message for the error code of a failed reply. */
export function errorMessage(code: string | undefined): string {
  return MESSAGES[code ?? ""] ?? "The reply failed.";
}
