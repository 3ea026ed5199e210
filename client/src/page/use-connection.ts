import { useEffect, useState, useSyncExternalStore } from "react";

import type { Entry } from "../chats";
import { Connection, type State } from "../connection";
import { Outbox } from "../outbox";
import { standing } from "../sessions";
import type { Entries } from "../storage";

/** Keep a chat connected while it is shown. */
export function useConnection(entry: Entry, entries: Entries): [Connection, State] {
  const [connection] = useState(
    () =>
      new Connection({
        url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`,
        token: entry.token,
        outbox: new Outbox(entry.id, entries),
        standing: () => standing(entry.token),
      }),
  );
  useEffect(() => {
    const check = () => connection.check();
    const checkIfSeen = () => document.visibilityState === "visible" && connection.check();
    const drop = () => connection.drop();
    addEventListener("online", check);
    addEventListener("offline", drop);
    addEventListener("pageshow", check);
    document.addEventListener("visibilitychange", checkIfSeen);
    connection.open();
    return () => {
      removeEventListener("online", check);
      removeEventListener("offline", drop);
      removeEventListener("pageshow", check);
      document.removeEventListener("visibilitychange", checkIfSeen);
      connection.close();
    };
  }, [connection]);
  return [connection, useSyncExternalStore(connection.subscribe, connection.current)];
}
