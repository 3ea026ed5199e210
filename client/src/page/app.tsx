import { useSyncExternalStore } from "react";

import type { Chats } from "../chats";
import type { BrowserStorage } from "../storage";
import { ChatScreen } from "./chat-screen";
import { NotFoundPage } from "./not-found-page";
import { usePath } from "./router";
import { StartPage } from "./start-page";

/** The page for the current path. */
export function App({ chats, storage }: { chats: Chats; storage: BrowserStorage }) {
  const [path, navigate] = usePath();
  useSyncExternalStore(chats.subscribe, chats.all);
  if (path === "/") return <StartPage chats={chats} navigate={navigate} />;
  const entry = chats.get(path.replace(/^\/chat\//, ""));
  if (!entry) return <NotFoundPage navigate={navigate} />;
  return <ChatScreen key={entry.id} entry={entry} chats={chats} storage={storage} navigate={navigate} />;
}
