import { useState } from "react";

import type { Chats } from "../chats";
import { EMPTY } from "../fold";
import { history } from "../sessions";
import { fileName, toMarkdown } from "../transcript";
import { save } from "./download";

/** In place of a page that could not be rendered: the chat is still on the server and can be kept. */
export function Broken({ chats }: { chats: Chats }) {
  const [problem, setProblem] = useState("");
  const entry = chats.get(location.pathname.replace(/^\/chat\//, ""));

  async function keep(token: string): Promise<void> {
    setProblem("");
    try {
      const chat = { ...EMPTY, ...(await history(token)) };
      save(fileName(chat), toMarkdown(chat));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }

  return (
    <main className="start">
      <h1>This page ran into an error</h1>
      <p>It is a fault of ours. Your chat is not lost: load the page again, or save what was said.</p>
      <p className="row">
        <button className="main" onClick={() => location.reload()}>
          Load again
        </button>
        {entry && <button onClick={() => void keep(entry.token)}>Save this chat</button>}
        <a href="/" className="button">
          Go to the start
        </a>
      </p>
      <p role="alert">{problem}</p>
    </main>
  );
}
