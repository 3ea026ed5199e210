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
      <h2 id="ended">This chat has come to its end</h2>
      <p>
        Chats are forgotten when nothing is said for a while.
        {unsentCount > 0 && " What you wrote last was not sent; it will be the beginning of the new one."}
      </p>
      <button ref={button} className="primary" disabled={busy} onClick={onStart}>
        Begin again
      </button>
    </section>
  );
}
