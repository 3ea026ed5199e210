import type { Link, Trouble } from "../connection";

const WORDS: Record<Link, string> = {
  connecting: "Connecting …",
  live: "Connected",
  away: "Offline",
  gone: "Ended",
};

const TROUBLES: Record<Trouble, string> = {
  refused:
    "The server answers, but refuses this page's connection. If you run it behind a proxy, the server's log says why.",
  busy: "Out of reach right now",
};

interface Props {
  link: Link;
  trouble: Trouble | null;
  onTry: () => void;
}

/** The state of the connection, always in sight. */
export function Status({ link, trouble, onTry }: Props) {
  // What is wrong stays until it is right, whatever is tried meanwhile.
  const away = link === "away" || (link === "connecting" && trouble !== null);
  return (
    <div className="status" data-link={link} data-trouble={trouble ?? undefined}>
      <p role="status">{away && trouble ? TROUBLES[trouble] : WORDS[link]}</p>
      {away && <button onClick={onTry}>Try now</button>}
    </div>
  );
}
