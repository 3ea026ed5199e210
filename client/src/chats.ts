// The chats of this browser: what stands behind an address that itself gives nothing away.

import { Drafts } from "./drafts";
import { newId } from "./identity";
import { Outbox } from "./outbox";
import { type Entries, Shelf } from "./storage";

export interface Entry {
  /** In the address; it means nothing on another computer. */
  id: string;
  token: string;
  name: string;
  /** When something was last said. */
  used: string;
  /** What was said first, shortened. */
  title?: string;
  /** The server has forgotten it. */
  ended?: boolean;
}

const PREFIX = "chat/";
const TITLE = 80; // characters
const ENDED_FOR = 24 * 3600 * 1000; // ms for which the address of an ended chat still says so

export class Chats {
  private readonly shelf: Shelf<Entry>;
  private readonly names: Shelf<string>;
  private readonly listeners = new Set<() => void>();
  private listed: readonly Entry[];

  constructor(private readonly entries: Entries) {
    this.shelf = new Shelf(PREFIX, entries);
    this.names = new Shelf("chat-name", entries);
    this.listed = this.read();
    for (const { id, ended, used } of this.listed)
      if (ended && Date.now() - Date.parse(used) > ENDED_FOR) this.drop(id);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Return all chats, the one used last first. */
  readonly all = (): readonly Entry[] => this.listed;

  get(id: string): Entry | undefined {
    return this.listed.find((entry) => entry.id === id);
  }

  /** Return the name that was used last, "" at first. */
  get name(): string {
    return this.names.get("") ?? "";
  }

  add(name: string, token: string): Entry {
    const entry = { id: newId(), token, name, used: new Date().toISOString() };
    this.names.put("", name);
    this.put(entry);
    return entry;
  }

  /** Note what was said first and when something was said last. */
  note(id: string, first: string, last: string): void {
    const title = first.replace(/\s+/g, " ").slice(0, TITLE);
    const entry = this.get(id);
    if (entry && (entry.title !== title || entry.used < last)) this.put({ ...entry, title, used: last });
  }

  end(id: string): void {
    const entry = this.get(id);
    if (entry && !entry.ended) this.put({ ...entry, ended: true });
  }

  /** Forget a chat, with what was written in it and not sent. */
  drop(id: string): void {
    this.shelf.drop(id);
    new Outbox(id, this.entries).clear();
    new Drafts(this.entries).keep(id, "");
    this.refresh();
  }

  /** Take over what another tab did. What it erased stays erased, whatever was noted here since. */
  readonly heard = ({ key, newValue }: Pick<StorageEvent, "key" | "newValue">): void => {
    if (key?.startsWith(PREFIX) && newValue === null) this.drop(key.slice(PREFIX.length));
    else this.refresh();
  };

  /** Look again. */
  refresh(): void {
    this.listed = this.read();
    for (const listener of this.listeners) listener();
  }

  private put(entry: Entry): void {
    this.shelf.put(entry.id, entry);
    this.refresh();
  }

  private read(): readonly Entry[] {
    return this.shelf.all().sort((a, b) => (a.used < b.used ? 1 : -1));
  }
}
