import { type KeyboardEvent, useEffect, useRef, useState } from "react";

import type { Chats, Entry } from "../chats";
import { Drafts } from "../drafts";
import { unanswered } from "../fold";
import { Outbox } from "../outbox";
import type { Entries } from "../storage";
import { fileName, toMarkdown } from "../transcript";
import { type Go, Link } from "./address";
import { ChatList } from "./chat-list";
import { Composer } from "./composer";
import { save } from "./download";
import { Ended } from "./ended";
import { EraseDialog } from "./erase-dialog";
import { Log } from "./log";
import { useNewChat } from "./new-chat";
import { Status } from "./status";
import { useConnection } from "./use-connection";
import { useDraft } from "./use-draft";

interface Props {
  entry: Entry;
  chats: Chats;
  entries: Entries;
  go: Go;
}

/** One chat, connected. */
export function ChatScreen({ entry, chats, entries, go }: Props) {
  const [connection, { chat, link, trouble }] = useConnection(entry, entries);
  const [draft, setDraft] = useDraft(entry.id, entries);
  const [listOpen, setListOpen] = useState(false);
  const { start, busy, problem } = useNewChat(chats, go);
  const field = useRef<HTMLTextAreaElement>(null);
  const listToggle = useRef<HTMLButtonElement>(null);
  const erasing = useRef<HTMLDialogElement>(null);

  const first = (chat.messages[0] ?? chat.own[0])?.msg ?? "";
  const last = [...chat.messages, ...chat.own].findLast(({ timestamp }) => timestamp)?.timestamp ?? "";
  const title = entry.title || "Chat";
  const awaited = unanswered(chat)[0];

  useEffect(() => {
    if (first) chats.note(entry.id, first, last);
  }, [chats, entry.id, first, last]);
  useEffect(() => {
    if (link === "gone") chats.end(entry.id);
  }, [chats, entry.id, link]);
  useEffect(() => {
    document.title = title;
  }, [title]);

  /** What could not be sent any more goes on into the new chat. */
  const beginAgain = () =>
    start(entry.name, ({ id }) => {
      new Outbox(id, entries).keep(chat.own, []);
      new Outbox(entry.id, entries).clear();
      new Drafts(entries).keep(id, draft);
      setDraft("");
    });

  const forget = () => {
    chats.drop(entry.id);
    go("/");
  };

  const edit = (id: string) => {
    const text = connection.takeBack(id);
    setDraft(draft.trim() ? `${text}\n${draft}` : text);
    field.current?.focus();
  };

  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !listOpen) return;
    setListOpen(false);
    listToggle.current?.focus();
  };

  return (
    <div className="screen" data-list={listOpen} onKeyDown={onKey}>
      <header>
        <button
          ref={listToggle}
          className="list-toggle"
          aria-expanded={listOpen}
          aria-controls="list"
          onClick={() => setListOpen(!listOpen)}
        >
          Chats
        </button>
        <h1 dir="auto">{title}</h1>
        <Status link={link} trouble={trouble} onTry={() => connection.hurry()} />
        <div className="actions">
          <button onClick={() => save(fileName(chat), toMarkdown(chat))} disabled={!chat.messages.length}>
            Export
          </button>
          <button onClick={() => erasing.current?.showModal()}>Erase</button>
        </div>
        <button className="new" disabled={busy} onClick={() => void start(entry.name)}>
          New chat
        </button>
      </header>
      <main>
        <div id="list" className="list" onClick={() => setListOpen(false)}>
          <ChatList chats={chats} current={entry.id} go={go} />
          <Link to="/" go={go} className="quiet">
            Start as someone else
          </Link>
        </div>
        <div className="talk">
          <Log chat={chat} link={link} name={entry.name} connection={connection} onEdit={edit} />
          <p role="alert" className="notice">
            {problem || chat.notice}
          </p>
          {link === "gone" ? (
            <Ended unsent={chat.own.length} busy={busy} onBegin={() => void beginAgain()} />
          ) : (
            <Composer
              field={field}
              draft={draft}
              setDraft={setDraft}
              replying={awaited !== undefined && link === "live"}
              onSend={(text) => connection.say(text)}
              onStop={() => connection.stop()}
            />
          )}
        </div>
      </main>
      <EraseDialog dialog={erasing} token={entry.token} onErased={forget} />
    </div>
  );
}
