import { type KeyboardEvent, useEffect, useRef, useState } from "react";

import { unanswered } from "../chat-state";
import type { ChatEntry, Chats } from "../chats";
import { Drafts } from "../drafts";
import { fileName, toMarkdown } from "../export";
import type { BrowserStorage } from "../storage";
import { UnsentMessages } from "../unsent-messages";
import { ChatEnded } from "./chat-ended";
import { ChatList } from "./chat-list";
import { Composer } from "./composer";
import { ConnectionStatusView } from "./connection-status";
import { downloadMarkdown } from "./download";
import { EraseDialog } from "./erase-dialog";
import { MessageList } from "./message-list";
import { Link, type Navigate } from "./router";
import { useDraft } from "./use-draft";
import { useNewChat } from "./use-new-chat";
import { useSessionClient } from "./use-session-client";

interface Props {
  entry: ChatEntry;
  chats: Chats;
  storage: BrowserStorage;
  navigate: Navigate;
}

/** One chat, connected to the server. */
export function ChatScreen({ entry, chats, storage, navigate }: Props) {
  const [client, { chat, status, failure }] = useSessionClient(entry, storage);
  const [draft, setDraft] = useDraft(entry.id, storage);
  const [isListOpen, setListOpen] = useState(false);
  const { start, busy, problem } = useNewChat(chats, navigate);
  const field = useRef<HTMLTextAreaElement>(null);
  const listToggle = useRef<HTMLButtonElement>(null);
  const eraseDialog = useRef<HTMLDialogElement>(null);

  const firstMessage = (chat.messages[0] ?? chat.unsent[0])?.msg ?? "";
  const allMessages = [...chat.messages, ...chat.unsent];
  const lastTimestamp = allMessages.findLast(({ timestamp }) => timestamp)?.timestamp ?? "";
  const title = entry.title || "Chat";
  const isReplyPending = unanswered(chat).length > 0;

  useEffect(() => {
    if (firstMessage) chats.update(entry.id, firstMessage, lastTimestamp);
  }, [chats, entry.id, firstMessage, lastTimestamp]);
  useEffect(() => {
    if (status === "ended") chats.markEnded(entry.id);
  }, [chats, entry.id, status]);
  useEffect(() => {
    document.title = title;
  }, [title]);

  /** Start a new chat, and move the unsent messages and the draft into it. */
  const startAgain = () =>
    start(entry.name, ({ id }) => {
      new UnsentMessages(id, storage).save(chat.unsent, []);
      new UnsentMessages(entry.id, storage).clear();
      new Drafts(storage).save(id, draft);
      setDraft("");
    });

  const onErased = () => {
    chats.remove(entry.id);
    navigate("/");
  };

  const onEdit = (id: string) => {
    const text = client.removeUnsent(id);
    setDraft(draft.trim() ? `${text}\n${draft}` : text);
    field.current?.focus();
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isListOpen) return;
    setListOpen(false);
    listToggle.current?.focus();
  };

  return (
    <div className="screen" data-list={isListOpen} onKeyDown={onKeyDown}>
      <header>
        <button
          ref={listToggle}
          className="list-toggle"
          aria-expanded={isListOpen}
          aria-controls="list"
          onClick={() => setListOpen(!isListOpen)}
        >
          Chats
        </button>
        <h1 dir="auto">{title}</h1>
        <ConnectionStatusView
          status={status}
          failure={failure}
          onReconnect={() => client.connection.reconnectNow()}
        />
        <div className="actions">
          <button
            onClick={() => downloadMarkdown(fileName(chat), toMarkdown(chat))}
            disabled={!chat.messages.length}
          >
            Export
          </button>
          <button onClick={() => eraseDialog.current?.showModal()}>Erase</button>
        </div>
        <button className="new" disabled={busy} onClick={() => void start(entry.name)}>
          New chat
        </button>
      </header>
      <main>
        <div id="list" className="list" onClick={() => setListOpen(false)}>
          <ChatList chats={chats} currentId={entry.id} navigate={navigate} />
          <Link to="/" navigate={navigate} className="muted">
            Start as someone else
          </Link>
        </div>
        <div className="conversation">
          <MessageList
            chat={chat}
            status={status}
            name={entry.name}
            client={client}
            onEdit={onEdit}
          />
          <p role="alert" className="notice">
            {problem || chat.notice}
          </p>
          {status === "ended" ? (
            <ChatEnded unsentCount={chat.unsent.length} busy={busy} onStart={() => void startAgain()} />
          ) : (
            <Composer
              field={field}
              draft={draft}
              setDraft={setDraft}
              canStop={isReplyPending && status === "connected"}
              onSend={(text) => client.sendMessage(text)}
              onStop={() => client.stop()}
            />
          )}
        </div>
      </main>
      <EraseDialog dialog={eraseDialog} token={entry.token} onErased={onErased} />
    </div>
  );
}
