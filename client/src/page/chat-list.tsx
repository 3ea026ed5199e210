import type { Chats } from "../chats";
import { addressOf, type Go, Link } from "./address";
import { Time } from "./time";

/** The chats of this browser; nothing where there are none. */
export function ChatList({ chats, current, go }: { chats: Chats; current?: string; go: Go }) {
  const listed = chats.all().filter(({ id, ended }) => !ended || id === current);
  if (!listed.length) return null;
  return (
    <nav className="chats" aria-labelledby="chats">
      <h2 id="chats">Your chats</h2>
      <ul>
        {listed.map(({ id, title, name, used }) => (
          <li key={id}>
            <Link to={addressOf(id)} go={go} current={id === current}>
              <span className="title" dir="auto">{title || "Nothing said yet"}</span>
              <span className="quiet">
                <bdi>{name}</bdi> · <Time at={used} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
