import { type FormEvent, useEffect, useState } from "react";

import type { Chats } from "../chats";
import type { Go } from "./address";
import { ChatList } from "./chat-list";
import { Mark } from "./mark";
import { useNewChat } from "./new-chat";
import { Warning } from "./warning";

/** The way in: a name, and the chats that this browser has. */
export function Start({ chats, go }: { chats: Chats; go: Go }) {
  const [name, setName] = useState(chats.name);
  const { start, busy, problem } = useNewChat(chats, go);

  useEffect(() => {
    document.title = "Chat";
  }, []);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim()) void start(name.trim());
  };

  return (
    <main className="start">
      <Mark />
      <h1>Chat</h1>
      <p>Talk with a language model. The chat is yours alone and is forgotten when it rests for long.</p>
      <form onSubmit={submit}>
        <label htmlFor="name">Name</label>
        <div className="row">
          <input
            id="name"
            value={name}
            dir="auto"
            onChange={(event) => setName(event.target.value)}
            required
            maxLength={100}
            autoComplete="nickname"
            autoFocus
          />
          <button className="main" disabled={busy}>
            Start chat
          </button>
        </div>
        <p role="alert">{problem}</p>
      </form>
      <Warning />
      <ChatList chats={chats} go={go} />
    </main>
  );
}
