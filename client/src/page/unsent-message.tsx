import type { UnsentMessage } from "../chat-state";
import { Timestamp } from "./timestamp";

interface Props {
  message: UnsentMessage;
  offline: boolean;
  onResend: () => void;
  onEdit: () => void;
}

/** A message that the server has not acknowledged, or has refused. */
export function UnsentMessageView({ message, offline, onResend, onEdit }: Props) {
  return (
    <article className="human unsent">
      <h2 className="visually-hidden">You, not sent yet</h2>
      <p className="message-text" dir="auto">{message.msg}</p>
      {message.refused && (
        <p className="failed" role="alert">
          {message.refused}
        </p>
      )}
      <footer>
        <span>{message.refused ? "Not sent" : offline ? "Waiting to be sent" : "Sending …"}</span>
        <Timestamp value={message.timestamp} />
        {(message.refused || offline) && <button onClick={onEdit}>Edit</button>}
        {message.refused && <button onClick={onResend}>Try again</button>}
      </footer>
    </article>
  );
}
