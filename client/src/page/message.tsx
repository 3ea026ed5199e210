import { memo, type ReactNode } from "react";

import { errorMessage } from "../error-messages";
import type { HumanMessage, Reply } from "../frames";
import { CopyButton } from "./copy-button";
import { ReplyText } from "./reply-text";
import { Timestamp } from "./timestamp";

interface HumanMessageProps {
  message: HumanMessage;
  /** Whether an earlier message of this chat has to be answered first. */
  isQueued: boolean;
  /** Edit the message and send it again. For the last message. */
  onEdit?: () => void;
  /** Rendered below the message while it has no reply. */
  children?: ReactNode;
}

/** A message of the person. */
export function HumanMessageView({ message, isQueued, onEdit, children }: HumanMessageProps) {
  return (
    <>
      <article className="human">
        <h2 className="visually-hidden">You</h2>
        <p className="message-text" dir="auto">{message.msg}</p>
        <footer>
          {isQueued && <span>Waiting its turn</span>}
          <Timestamp value={message.timestamp} />
          <CopyButton text={message.msg} />
          {onEdit && <button onClick={onEdit}>Edit</button>}
        </footer>
      </article>
      {children}
    </>
  );
}

interface ReplyProps {
  reply: Reply;
  /** Replace the reply by a new one. For the last reply. */
  onRetry?: () => void;
  /** Go on with the reply. For the last reply if it was cut. */
  onContinue?: () => void;
  /** Send the same message again. For a failed reply that is not the last one. */
  onAskAgain?: () => void;
}

/** A reply, or why it failed. Memoized: a delta renders only the reply that it belongs to. */
export const ReplyView = memo(
  function ReplyView({ reply, onRetry, onContinue, onAskAgain }: ReplyProps) {
    const isStreaming = reply.status === "streaming";
    if (isStreaming && !reply.msg) return null; // the pending reply is shown instead
    return (
      <article className="reply" aria-busy={isStreaming}>
        <h2 className="visually-hidden">Bot</h2>
        {reply.msg && <ReplyText text={reply.msg} isStreaming={isStreaming} />}
        {reply.status === "failed" && <p className="failed">{errorMessage(reply)}</p>}
        {reply.status === "stopped" && <p className="muted">Stopped</p>}
        {reply.finish === "length" && <p className="muted">Cut at the model's limit</p>}
        {!isStreaming && (
          <footer>
            <Timestamp value={reply.timestamp} />
            {reply.model && <span className="model" title="The model that answered">{reply.model}</span>}
            {reply.msg && <CopyButton text={reply.msg} />}
            {onContinue && <button onClick={onContinue}>Continue</button>}
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
    !before.onContinue === !after.onContinue &&
    !before.onAskAgain === !after.onAskAgain,
);
