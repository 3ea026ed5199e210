import { useState } from "react";

import { type Entries, Shelf } from "../storage";

/** Keep what is being written in a chat, across reloads. */
export function useDraft(chat: string, entries: Entries): [string, (text: string) => void] {
  const [shelf] = useState(() => new Shelf<string>("chat-draft/", entries));
  const [draft, setDraft] = useState(() => shelf.get(chat) ?? "");
  const keep = (text: string) => {
    setDraft(text);
    if (text) shelf.put(chat, text);
    else shelf.drop(chat);
  };
  return [draft, keep];
}
