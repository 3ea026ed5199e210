import { useEffect, useState, useSyncExternalStore } from "react";

import type { ChatEntry } from "../chats";
import { sessionStatus } from "../http-client";
import { SessionClient, type State } from "../session-client";
import type { BrowserStorage } from "../storage";
import { UnsentMessages } from "../unsent-messages";

/** Return the client of a chat, which is connected while the component is mounted, and its state. */
export function useSessionClient(entry: ChatEntry, storage: BrowserStorage): [SessionClient, State] {
  const [client] = useState(
    () =>
      new SessionClient({
        url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`,
        token: entry.token,
        unsentMessages: new UnsentMessages(entry.id, storage),
        sessionStatus: () => sessionStatus(entry.token),
      }),
  );
  useEffect(() => {
    const { connection } = client;
    const check = () => connection.check();
    const checkIfVisible = () => document.visibilityState === "visible" && connection.check();
    const abort = () => connection.abort();
    addEventListener("online", check);
    addEventListener("offline", abort);
    addEventListener("pageshow", check);
    document.addEventListener("visibilitychange", checkIfVisible);
    connection.open();
    return () => {
      removeEventListener("online", check);
      removeEventListener("offline", abort);
      removeEventListener("pageshow", check);
      document.removeEventListener("visibilitychange", checkIfVisible);
      connection.close();
    };
  }, [client]);
  return [client, useSyncExternalStore(client.subscribe, client.current)];
}
