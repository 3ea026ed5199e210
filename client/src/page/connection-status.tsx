import type { ConnectionFailure, ConnectionStatus } from "../connection";

const STATUS_TEXTS: Record<ConnectionStatus, string> = {
  connecting: "Connecting …",
  connected: "Connected",
  disconnected: "Offline",
  ended: "Ended",
};

const FAILURE_TEXTS: Record<ConnectionFailure, string> = {
  refused:
    "The server answers, but refuses this page's connection. If you run it behind a proxy, the server's log says why.",
  busy: "Not available right now",
};

interface Props {
  status: ConnectionStatus;
  failure: ConnectionFailure | null;
  onReconnect: () => void;
}

/** The status of the connection. It is always visible. */
export function ConnectionStatusView({ status, failure, onReconnect }: Props) {
  // A failure stays visible while the page tries to reconnect.
  const isOffline = status === "disconnected" || (status === "connecting" && failure !== null);
  return (
    <div className="status" data-status={status} data-failure={failure ?? undefined}>
      <p role="status">{isOffline && failure ? FAILURE_TEXTS[failure] : STATUS_TEXTS[status]}</p>
      {isOffline && <button onClick={onReconnect}>Try now</button>}
    </div>
  );
}
