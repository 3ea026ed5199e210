import { useState } from "react";

import { Drafts } from "../drafts";
import type { BrowserStorage } from "../storage";

/** Return the text in a chat's input field, and its setter. The text is stored across reloads. */
export function useDraft(chatId: string, storage: BrowserStorage): [string, (text: string) => void] {
  const [drafts] = useState(() => new Drafts(storage));
  const [draft, setDraft] = useState(() => drafts.load(chatId));
  const setAndSave = (text: string) => {
    setDraft(text);
    drafts.save(chatId, text);
  };
  return [draft, setAndSave];
}
