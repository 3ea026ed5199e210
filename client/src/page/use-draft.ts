import { useState } from "react";

import { Drafts } from "../drafts";
import type { Entries } from "../storage";

/** Keep what is being written in a chat, across reloads. */
export function useDraft(chat: string, entries: Entries): [string, (text: string) => void] {
  const [drafts] = useState(() => new Drafts(entries));
  const [draft, setDraft] = useState(() => drafts.load(chat));
  const keep = (text: string) => {
    setDraft(text);
    drafts.keep(chat, text);
  };
  return [draft, keep];
}
