import { expect, it } from "vitest";

import { Chats } from "../src/chats";
import { Drafts } from "../src/drafts";
import { newId } from "../src/ids";
import { TypedStorage } from "../src/storage";
import { UnsentMessages } from "../src/unsent-messages";
import { memoryStorage } from "./memory-storage";

const YESTERDAY = new Date(Date.now() - 25 * 3600 * 1000).toISOString();
const NOW = new Date().toISOString();

it("lists the chats of this browser, the most recently used first, with ids that are not tokens", () => {
  const storage = memoryStorage();
  const chats = new Chats(storage);
  const first = chats.add("Ada", "token-1");
  const second = chats.add("Bob", "token-2");
  chats.update(first.id, "Hello\n  there", "2999-01-01T00:00:00+00:00");
  expect(chats.all().map(({ id }) => id)).toEqual([first.id, second.id]);
  expect(chats.get(first.id)).toMatchObject({ title: "Hello there", token: "token-1", name: "Ada" });
  expect(first.id).not.toContain("token");
  expect(chats.lastName).toBe("Bob");
  expect(new Chats(storage).all()).toEqual(chats.all());
});

it("keeps an ended chat for a day, then removes it", () => {
  const storage = memoryStorage();
  const chats = new Chats(storage);
  const [old, fresh, open] = ["old", "fresh", "open"].map((name) => chats.add(name, name));
  const items = new TypedStorage("chat/", storage);
  items.set(old!.id, { ...old, used: YESTERDAY });
  items.set(open!.id, { ...open, used: YESTERDAY });
  chats.reload();
  chats.markEnded(old!.id);
  chats.markEnded(fresh!.id);
  const later = new Chats(storage).all();
  expect(later.map(({ name, ended }) => [name, ended])).toEqual([
    ["fresh", true],
    ["open", undefined],
  ]);
});

it("removes a chat with its draft and its unsent messages, and notifies its listeners", () => {
  const storage = memoryStorage();
  const chats = new Chats(storage);
  const { id } = chats.add("Ada", "t");
  new UnsentMessages(id, storage).save([{ id: "a", msg: "A", timestamp: NOW }], []);
  new Drafts(storage).save(id, "Dear");
  let notifications = 0;
  chats.subscribe(() => notifications++);
  chats.remove(id);
  expect(notifications).toBe(1);
  expect(chats.get(id)).toBeUndefined();
  expect(new UnsentMessages(id, storage).load()).toEqual([]);
  expect(new Drafts(storage).load(id)).toBe("");
});

it("keeps a chat removed that another tab removed, even if this tab has stored it again", () => {
  const storage = memoryStorage();
  const [here, there] = [new Chats(storage), new Chats(storage)];
  const { id } = here.add("Ada", "t");
  there.remove(id);
  here.markEnded(id);
  here.onStorageEvent({ key: `chat/${id}`, newValue: null });
  expect(here.all()).toEqual([]);
  expect(new Chats(storage).all()).toEqual([]);
});

it("lists a chat that another tab started", () => {
  const storage = memoryStorage();
  const here = new Chats(storage);
  const { id } = new Chats(storage).add("Ada", "t");
  here.onStorageEvent({ key: `chat/${id}`, newValue: "{}" });
  expect(here.get(id)).toMatchObject({ token: "t" });
});

it("stores the unsent messages of two tabs of the same chat", () => {
  const storage = memoryStorage();
  const [one, other] = [new UnsentMessages("chat", storage), new UnsentMessages("chat", storage)];
  const a = { id: "a", msg: "A", timestamp: NOW };
  const b = { id: "b", msg: "B", timestamp: YESTERDAY };
  one.save([a], []);
  other.save([b], []);
  expect(new UnsentMessages("chat", storage).load()).toEqual([b, a]);
  expect(new UnsentMessages("another", storage).load()).toEqual([]);
  one.save([], [a]);
  expect(new UnsentMessages("chat", storage).load()).toEqual([b]);
});

it("works without a storage if the browser forbids it", () => {
  const forbidden = () => {
    throw new Error("forbidden");
  };
  const items = new TypedStorage<number>("x/", { length: 1, key: forbidden, getItem: forbidden, setItem: forbidden, removeItem: forbidden });
  items.set("a", 1);
  items.delete("a");
  expect(items.get("a")).toBeNull();
  expect(items.all()).toEqual([]);
});

it("returns random UUIDs in their canonical form", () => {
  const ids = Array.from({ length: 1000 }, newId);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(ids).size).toBe(ids.length);
});
