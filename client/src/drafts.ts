// What is being written in each chat, kept across reloads.

import { type Entries, Shelf } from "./storage";

export class Drafts {
  private readonly shelf: Shelf<string>;

  constructor(entries: Entries) {
    this.shelf = new Shelf("chat-draft/", entries);
  }

  load(chat: string): string {
    return this.shelf.get(chat) ?? "";
  }

  keep(chat: string, text: string): void {
    if (text) this.shelf.put(chat, text);
    else this.shelf.drop(chat);
  }
}
