import { memo, type ReactNode } from "react";

import type { Bot, Human } from "../wire";
import { reason } from "../words";
import { CopyButton } from "./copy-button";
import { ReplyText } from "./reply-text";
import { Time } from "./time";

interface HumanProps {
  human: Human;
  /** Its turn is yet to come. */
  waits: boolean;
  /** What is said of its reply before there is one. */
  children?: ReactNode;
}

/** What the person said. */
export function HumanTurn({ human, waits, children }: HumanProps) {
  return (
    <>
      <article className="human">
        <h2 className="unseen">You</h2>
        <p className="said" dir="auto">{human.msg}</p>
        <footer>
          {waits && <span>Waiting its turn</span>}
          <Time at={human.timestamp} />
          <CopyButton text={human.msg} />
        </footer>
      </article>
      {children}
    </>
  );
}

interface ReplyProps {
  reply: Bot;
  /** Have it made anew; for the last reply. */
  onRetry?: () => void;
  /** Say the same once more; for a reply that failed and is not the last. */
  onAskAgain?: () => void;
}

/** What the model said, or why it did not. Each delta renders one reply, not all. */
export const ReplyTurn = memo(
  function ReplyTurn({ reply, onRetry, onAskAgain }: ReplyProps) {
    const streams = reply.status === "streaming";
    if (streams && !reply.msg) return null; // the typing sign stands here
    return (
      <article className="reply" aria-busy={streams}>
        <h2 className="unseen">Bot</h2>
        {reply.msg && <ReplyText text={reply.msg} streams={streams} />}
        {reply.status === "failed" && <p className="failed">{reason(reply.error)}</p>}
        {reply.status === "stopped" && <p className="quiet">Stopped</p>}
        {!streams && (
          <footer>
            <Time at={reply.timestamp} />
            {reply.msg && <CopyButton text={reply.msg} />}
            {onRetry && <button onClick={onRetry}>Retry</button>}
            {onAskAgain && <button onClick={onAskAgain}>Ask again</button>}
          </footer>
        )}
      </article>
    );
  },
  (before, after) =>
    before.reply === after.reply &&
    !before.onRetry === !after.onRetry &&
    !before.onAskAgain === !after.onAskAgain,
);
