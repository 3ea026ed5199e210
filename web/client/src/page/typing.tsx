/** The sign that a reply will come, and what it waits for. */
export function Typing({ place, held }: { place: number; held: boolean }) {
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
