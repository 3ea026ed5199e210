import type { Link } from "../connection";

const WORDS: Record<Link, string> = {
  connecting: "Connecting …",
  live: "Connected",
  away: "Offline",
  gone: "Ended",
};

/** The state of the connection, always in sight. */
export function Status({ link, onTry }: { link: Link; onTry: () => void }) {
  return (
    <div className="status" data-link={link}>
      <p role="status">{WORDS[link]}</p>
      {link === "away" && <button onClick={onTry}>Try now</button>}
    </div>
  );
}
