// A chat as a Markdown file.

import type { Chat } from "./chat-state";
import { errorMessage } from "./error-messages";
import type { Message, Reply } from "./frames";

/** Return the chat as Markdown. The heading of each message has its author and its time. */
export function toMarkdown(chat: Chat): string {
  const name = chat.session?.name ?? "";
  const title = `# Chat${name && ` of ${toOneLine(name)}`}`;
  const started = chat.session ? [`Started ${chat.session.session_start}`] : [];
  const messages = chat.messages.flatMap((message) => [heading(message, name), body(message)]);
  return [title, ...started, ...messages].filter(Boolean).join("\n\n") + "\n";
}

/** Return a name for the file. */
export function fileName(chat: Chat): string {
  return `chat-${(chat.session?.session_start ?? new Date().toISOString()).slice(0, 16).replace(":", "")}.md`;
}

function heading(message: Message, name: string): string {
  const author = message.source === "human" ? toOneLine(name) || "You" : "Bot";
  return `## ${author}${message.timestamp && ` · ${message.timestamp}`}`;
}

function body(message: Message): string {
  const note = message.source === "bot" && statusNote(message);
  return [message.msg, note].filter(Boolean).join("\n\n");
}

function statusNote(reply: Reply): string {
  const { status, finish } = reply;
  if (status === "failed") return `*${errorMessage(reply)}*`;
  if (finish === "length") return "*Cut at the model's limit.*";
  return status === "stopped" ? "*Stopped.*" : status === "streaming" ? "*Not finished.*" : "";
}

function toOneLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[#*_`<>[\]\\]/g, "\\$&");
}
