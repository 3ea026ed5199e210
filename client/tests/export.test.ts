import { expect, it } from "vitest";

import { EMPTY_CHAT } from "../src/chat-state";
import { fileName, toMarkdown } from "../src/export";
import type { ServerFrame } from "../src/frames";
import { reduce } from "../src/reducer";

const HISTORY: ServerFrame = {
  type: "history",
  session: { name: "Ada *L*", session_start: "2026-01-31T09:30:00.5+00:00" },
  messages: [
    { id: "1", source: "human", msg: "Show me", timestamp: "2026-01-31T09:31:00+00:00" },
    { id: "2", source: "bot", msg: "```js\n1\n```", timestamp: "2026-01-31T09:31:01+00:00", reply_to: "1", status: "stopped" },
    { id: "3", source: "human", msg: "And?", timestamp: "2026-01-31T09:32:00+00:00" },
    { id: "4", source: "bot", msg: "", timestamp: "", reply_to: "3", status: "failed", error: "model_timeout" },
  ],
};

it("has a heading with the author and the time for each message", () => {
  const chat = reduce(EMPTY_CHAT, HISTORY);
  if (chat === "gap") throw new Error("a history is never a gap");
  expect(toMarkdown(chat)).toBe(`# Chat of Ada \\*L\\*

Started 2026-01-31T09:30:00.5+00:00

## Ada \\*L\\* · 2026-01-31T09:31:00+00:00

Show me

## Bot · 2026-01-31T09:31:01+00:00

\`\`\`js
1
\`\`\`

*Stopped.*

## Ada \\*L\\* · 2026-01-31T09:32:00+00:00

And?

## Bot

*The model took too long to answer. Please try again.*
`);
  expect(fileName(chat)).toBe("chat-2026-01-31T0930.md");
});
