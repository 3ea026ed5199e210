// A chat as a Markdown file.

import type { Chat } from "./fold";
import type { Message } from "./wire";
import { reason } from "./words";

/** Return the chat as Markdown: each message under its speaker and its time. */
export function toMarkdown(chat: Chat): string {
  const name = chat.session?.name ?? "";
  const title = `# Chat${name && ` of ${oneLine(name)}`}`;
  const begun = chat.session ? [`Begun ${chat.session.session_start}`] : [];
  const turns = chat.messages.flatMap((message) => [heading(message, name), body(message)]);
  return [title, ...begun, ...turns].filter(Boolean).join("\n\n") + "\n";
}

/** Return a name for the file. */
export function fileName(chat: Chat): string {
  return `chat-${(chat.session?.session_start ?? new Date().toISOString()).slice(0, 16).replace(":", "")}.md`;
}

function heading(message: Message, name: string): string {
  const speaker = message.source === "human" ? oneLine(name) || "You" : "Bot";
  return `## ${speaker}${message.timestamp && ` · ${message.timestamp}`}`;
}

function body(message: Message): string {
  const note = message.source === "bot" && notes(message.status, message.error);
  return [message.msg, note].filter(Boolean).join("\n\n");
}

function notes(status: string, error?: string): string {
  if (status === "failed") return `*${reason(error)}*`;
  return status === "stopped" ? "*Stopped.*" : status === "streaming" ? "*Not finished.*" : "";
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[#*_`<>[\]\\]/g, "\\$&");
}
