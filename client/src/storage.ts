// The browser's storage, one entry a thing, so that tabs do not overwrite each other's lists.

/** What is used of `localStorage`. */
export type Entries = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

/** Entries of one kind, under a prefix. Where the browser refuses storage, nothing is kept. */
export class Shelf<T> {
  constructor(
    private readonly prefix: string,
    private readonly entries: Entries,
  ) {}

  get(name: string): T | null {
    try {
      return JSON.parse(this.entries.getItem(this.prefix + name) ?? "null");
    } catch {
      return null;
    }
  }

  put(name: string, thing: T): void {
    try {
      this.entries.setItem(this.prefix + name, JSON.stringify(thing));
    } catch {
      // full or forbidden: it lives as long as the page
    }
  }

  drop(name: string): void {
    try {
      this.entries.removeItem(this.prefix + name);
    } catch {
      // forbidden: there is nothing to drop
    }
  }

  /** Return all things of this kind, in no order. */
  all(): T[] {
    const things: T[] = [];
    try {
      for (let i = 0; i < this.entries.length; i++) {
        const key = this.entries.key(i);
        const thing = key?.startsWith(this.prefix) && this.get(key.slice(this.prefix.length));
        if (thing) things.push(thing);
      }
    } catch {
      // forbidden
    }
    return things;
  }
}

/** Return the browser's storage, or where it is forbidden one that lives as long as the page. */
export function openEntries(): Entries {
  try {
    localStorage.getItem("");
    return localStorage;
  } catch {
    return new Memory();
  }
}

class Memory implements Entries {
  private readonly map = new Map<string, string>();
  get length(): number {
    return this.map.size;
  }
  key = (index: number): string | null => [...this.map.keys()][index] ?? null;
  getItem = (key: string): string | null => this.map.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.map.set(key, value);
  removeItem = (key: string): void => void this.map.delete(key);
}
