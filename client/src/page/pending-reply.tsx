import { NO_WORKER, THINKING } from "../chat-state";

interface Props {
  /** Messages of all sessions that will be answered before this one. */
  messagesAhead: number;
  waitReason: string | undefined;
}

/** The typing indicator, or the reason why the reply is delayed. */
export function PendingReply({ messagesAhead, waitReason }: Props) {
  if (waitReason === NO_WORKER)
    return (
      <p className="pending-reply">
        Nobody can answer right now. Your message is kept and will be answered.
      </p>
    );
  return (
    <p className="pending-reply">
      <span className="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {messagesAhead > 0
        ? `${messagesAhead} ${messagesAhead === 1 ? "message is" : "messages are"} ahead of yours`
        : explain(waitReason)}
    </p>
  );
}

function explain(waitReason: string | undefined): string {
  if (!waitReason) return "Thinking";
  return waitReason === THINKING
    ? "The model is thinking"
    : "The model is loading or busy; the reply will come";
}
