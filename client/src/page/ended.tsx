import { useEffect, useRef } from "react";

interface Props {
  unsent: number;
  busy: boolean;
  onBegin: () => void;
}

/** In place of the composer: the session is over, and a new one is one key away. */
export function Ended({ unsent, busy, onBegin }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  return (
    <section className="ended" aria-labelledby="ended">
      <h2 id="ended">This chat has come to its end</h2>
      <p>
        Chats are forgotten when nothing is said for a while.
        {unsent > 0 && " What you wrote last was not sent; it will be the beginning of the new one."}
      </p>
      <button ref={button} className="main" disabled={busy} onClick={onBegin}>
        Begin again
      </button>
    </section>
  );
}
