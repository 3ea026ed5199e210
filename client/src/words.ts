// What a person reads for a code of the contract.

const REASONS: Record<string, string> = {
  model_unavailable: "The model cannot be reached right now.",
  model_timeout: "The model took too long to answer.",
  model_refused: "The model could not answer this message. Another wording may help.",
  internal: "Something went wrong on our side.",
};

/** Say why a reply failed. */
export function reason(code: string | undefined): string {
  return REASONS[code ?? ""] ?? "This reply could not be made.";
}
