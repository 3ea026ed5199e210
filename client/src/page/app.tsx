import { useSyncExternalStore } from "react";

import type { Chats } from "../chats";
import type { Entries } from "../storage";
import { useAddress } from "./address";
import { ChatScreen } from "./chat-screen";
import { Start } from "./start";
import { Unknown } from "./unknown";

/** The page: a name first, then the chat that the address names. */
export function App({ chats, entries }: { chats: Chats; entries: Entries }) {
  const [address, go] = useAddress();
  useSyncExternalStore(chats.subscribe, chats.all);
  if (address === "/") return <Start chats={chats} go={go} />;
  const entry = chats.get(address.replace(/^\/chat\//, ""));
  if (!entry) return <Unknown go={go} />;
  return <ChatScreen key={entry.id} entry={entry} chats={chats} entries={entries} go={go} />;
}
