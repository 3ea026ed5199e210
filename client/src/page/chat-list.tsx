import type { Chats } from "../chats";
import { chatPath, Link, type Navigate } from "./router";
import { Timestamp } from "./timestamp";

interface Props {
  chats: Chats;
  currentId?: string;
  navigate: Navigate;
}

/** Links to the chats of this browser. Renders nothing if there are none. */
export function ChatList({ chats, currentId, navigate }: Props) {
  const entries = chats.all().filter(({ id, ended }) => !ended || id === currentId);
  if (!entries.length) return null;
  return (
    <nav className="chats" aria-labelledby="chats">
      <h2 id="chats">Your chats</h2>
      <ul>
        {entries.map(({ id, title, name, used }) => (
          <li key={id}>
            <Link to={chatPath(id)} navigate={navigate} current={id === currentId}>
              <span className="title" dir="auto">{title || "No messages yet"}</span>
              <span className="muted">
                <bdi>{name}</bdi> · <Timestamp value={used} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
