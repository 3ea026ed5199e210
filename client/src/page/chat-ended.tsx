import { useEffect, useRef } from "react";

interface Props {
  unsentCount: number;
  busy: boolean;
  onStart: () => void;
}

/** Replaces the composer when the session has ended. Its button, which has the focus, starts a new chat. */
export function ChatEnded({ unsentCount, busy, onStart }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <section className="ended" aria-labelledby="ended">
      <h2 id="ended">This chat has ended</h2>
      <p>
        A chat is deleted when nobody writes for a while.
        {unsentCount > 0 && " Your unsent messages will be sent in the new chat."}
      </p>
      <button ref={button} className="primary" disabled={busy} onClick={onStart}>
        Start again
      </button>
    </section>
  );
}
