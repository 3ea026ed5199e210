import { NO_WORKER } from "../fold";

/** The sign that a reply will come, and what it waits for. */
export function Typing({ place, held }: { place: number; held: string | undefined }) {
  if (held === NO_WORKER)
    return <p className="typing">Nobody can answer right now. Your message is kept and will be answered.</p>;
  return (
    <p className="typing">
      <span className="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {place > 0
        ? `${place} ${place === 1 ? "message is" : "messages are"} ahead of yours`
        : held
          ? "The model is loading or busy; the reply will come"
          : "Thinking"}
    </p>
  );
}
