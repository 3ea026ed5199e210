import { useEffect, useState, useSyncExternalStore } from "react";

import type { Entry } from "../chats";
import { Connection, type State } from "../connection";
import { Outbox } from "../outbox";
import { isGone } from "../sessions";
import type { Entries } from "../storage";

/** Keep a chat connected while it is shown. */
export function useConnection(entry: Entry, entries: Entries): [Connection, State] {
  const [connection] = useState(
    () =>
      new Connection({
        url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`,
        token: entry.token,
        outbox: new Outbox(entry.id, entries),
        isGone: () => isGone(entry.token),
      }),
  );
  useEffect(() => {
    const hurry = () => document.visibilityState === "visible" && connection.hurry();
    const drop = () => connection.drop();
    addEventListener("online", hurry);
    addEventListener("offline", drop);
    document.addEventListener("visibilitychange", hurry);
    connection.open();
    return () => {
      removeEventListener("online", hurry);
      removeEventListener("offline", drop);
      document.removeEventListener("visibilitychange", hurry);
      connection.close();
    };
  }, [connection]);
  return [connection, useSyncExternalStore(connection.subscribe, connection.current)];
}
