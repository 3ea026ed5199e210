import { useState } from "react";

import type { ChatEntry, Chats } from "../chats";
import { createSession, RequestError } from "../http-client";
import { chatPath, type Navigate } from "./router";

/**
 * Return a function that starts a chat and navigates to it, whether this is in progress, and the
 * message of the last error.
 */
export function useNewChat(chats: Chats, navigate: Navigate) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");

  /** `prepare` is called with the new chat before the navigation. */
  async function start(name: string, prepare?: (entry: ChatEntry) => void): Promise<void> {
    if (busy) return;
    setBusy(true);
    setProblem("");
    try {
      const entry = chats.add(name, await createSession(name));
      prepare?.(entry);
      navigate(chatPath(entry.id));
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      setProblem(error.message);
    } finally {
      setBusy(false);
    }
  }

  return { start, busy, problem };
}
