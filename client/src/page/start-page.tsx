import { type FormEvent, useEffect, useState } from "react";

import type { Chats } from "../chats";
import { ChatList } from "./chat-list";
import { Disclaimer } from "./disclaimer";
import { Logo } from "./logo";
import type { Navigate } from "./router";
import { useNewChat } from "./use-new-chat";

/** The first page: a form that starts a chat, and the chats of this browser. */
export function StartPage({ chats, navigate }: { chats: Chats; navigate: Navigate }) {
  const [name, setName] = useState(chats.lastName);
  const { start, busy, problem } = useNewChat(chats, navigate);

  useEffect(() => {
    document.title = "Chat";
  }, []);

  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim()) void start(name.trim());
  };

  return (
    <main className="start">
      <Logo />
      <h1>Chat</h1>
      <p>
        Chat with a language model. Only this browser can open your chat. It is deleted when nobody
        writes for a while.
      </p>
      <form onSubmit={onSubmit}>
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
          <button className="primary" disabled={busy}>
            Start chat
          </button>
        </div>
        <p role="alert">{problem}</p>
      </form>
      <Disclaimer />
      <ChatList chats={chats} navigate={navigate} />
    </main>
  );
}
