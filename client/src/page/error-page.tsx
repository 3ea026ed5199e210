import { useState } from "react";

import { EMPTY_CHAT } from "../chat-state";
import type { Chats } from "../chats";
import { fileName, toMarkdown } from "../export";
import { fetchHistory } from "../http-client";
import { downloadMarkdown } from "./download";

/** Shown after an error outside of a message. The chat can be downloaded from the server. */
export function ErrorPage({ chats }: { chats: Chats }) {
  const [problem, setProblem] = useState("");
  const entry = chats.get(location.pathname.replace(/^\/chat\//, ""));

  async function download(token: string): Promise<void> {
    setProblem("");
    try {
      const chat = { ...EMPTY_CHAT, ...(await fetchHistory(token)) };
      downloadMarkdown(fileName(chat), toMarkdown(chat));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <main className="start">
      <h1>This page has failed</h1>
      <p>This is our fault. Your chat is not lost: load the page again, or save the chat.</p>
      <p className="row">
        <button className="primary" onClick={() => location.reload()}>
          Load again
        </button>
        {entry && <button onClick={() => void download(entry.token)}>Save this chat</button>}
        <a href="/" className="button">
          Go to the start
        </a>
      </p>
      <p role="alert">{problem}</p>
    </main>
  );
}
