import type { Own } from "../fold";
import { Time } from "./time";

interface Props {
  own: Own;
  offline: boolean;
  onAgain: () => void;
  onEdit: () => void;
}

/** A message that the server does not have yet, or does not want. */
export function OwnTurn({ own, offline, onAgain, onEdit }: Props) {
  return (
    <article className="human own">
      <h2 className="unseen">You, not sent yet</h2>
      <p className="said" dir="auto">{own.msg}</p>
      {own.refused && (
        <p className="failed" role="alert">
          {own.refused}
        </p>
      )}
      <footer>
        <span>{own.refused ? "Not sent" : offline ? "Waiting to be sent" : "Sending …"}</span>
        <Time at={own.timestamp} />
        {(own.refused || offline) && <button onClick={onEdit}>Edit</button>}
        {own.refused && <button onClick={onAgain}>Try again</button>}
      </footer>
    </article>
  );
}
