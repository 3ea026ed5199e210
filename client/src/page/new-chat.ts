import { useState } from "react";

import type { Chats, Entry } from "../chats";
import { begin, Refused } from "../sessions";
import { addressOf, type Go } from "./address";

/** Return how to begin a chat and go there, whether that is under way, and why it did not work. */
export function useNewChat(chats: Chats, go: Go) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");

  async function start(name: string, furnish?: (entry: Entry) => void): Promise<void> {
    if (busy) return;
    setBusy(true);
    setProblem("");
    try {
      const entry = chats.add(name, await begin(name));
      furnish?.(entry);
      go(addressOf(entry.id));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      setProblem(error.message);
    } finally {
      setBusy(false);
    }
  }

  return { start, busy, problem };
}
