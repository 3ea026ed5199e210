import { useEffect, useState, useSyncExternalStore } from "react";

import type { ChatEntry } from "../chats";
import { Connection, type State } from "../connection";
import { sessionStatus } from "../sessions";
import type { BrowserStorage } from "../storage";
import { UnsentMessages } from "../unsent-messages";

/** Keep a chat connected while the component is mounted. */
export function useConnection(entry: ChatEntry, storage: BrowserStorage): [Connection, State] {
  const [connection] = useState(
    () =>
      new Connection({
        url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`,
        token: entry.token,
        unsentMessages: new UnsentMessages(entry.id, storage),
        sessionStatus: () => sessionStatus(entry.token),
      }),
  );
  useEffect(() => {
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
  }, [connection]);
  return [connection, useSyncExternalStore(connection.subscribe, connection.current)];
}
