import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, it } from "vitest";

import { createSession, eraseSession, RequestError, sessionStatus } from "../src/http-client";

let server: Server;
let requests: { line: string; authorization?: string; body: string }[];
let response: { status: number; body?: object; headers?: Record<string, string> };
const originalFetch = globalThis.fetch;

beforeEach(async () => {
  requests = [];
  server = createServer(async (request: IncomingMessage, outgoing) => {
    let body = "";
    for await (const part of request) body += part;
    requests.push({ line: `${request.method} ${request.url}`, authorization: request.headers.authorization, body });
    const { status, headers, body: answer } = response;
    outgoing.writeHead(status, headers).end(answer && JSON.stringify(answer));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // In a browser, a path is resolved against the page's origin.
  globalThis.fetch = (path, init) => originalFetch(origin + String(path), init);
});

afterEach(() => {
  globalThis.fetch = originalFetch;
  server.close();
  server.closeAllConnections();
});

it("creates a session with a name", async () => {
  response = { status: 200, body: { token: "t", name: "Ada", messages: [] } };
  expect(await createSession("Ada")).toBe("t");
  expect(requests).toMatchObject([{ line: "POST /token", body: '{"name":"Ada"}' }]);
});

it("sends the token in a header and not in a URL", async () => {
  response = { status: 204 };
  await eraseSession("t");
  await sessionStatus("t");
  expect(requests.map(({ line }) => line)).toEqual(["DELETE /token", "POST /refresh_token"]);
  for (const { authorization } of requests) expect(authorization).toBe("Bearer t");
});

it("distinguishes a session that is gone, a refused WebSocket, and a server that is busy or unreachable", async () => {
  for (const [status, expected] of [
    [400, "gone"],
    [200, "refused"],
    [404, "refused"],
    [429, "busy"],
    [500, "busy"],
    [502, "busy"],
    [503, "busy"],
  ] as const) {
    response = { status };
    expect(await sessionStatus("t"), String(status)).toBe(expected);
  }
  server.close();
  server.closeAllConnections();
  expect(await sessionStatus("t")).toBe("unreachable");
});

it("accepts that the session to erase is gone, and throws if it was not erased", async () => {
  response = { status: 400 };
  await eraseSession("t");
  response = { status: 503 };
  await expect(eraseSession("t")).rejects.toBeInstanceOf(RequestError);
});

it("throws a message for the person when a session cannot be created", async () => {
  for (const [status, headers, message] of [
    [400, {}, "Enter a name"],
    [429, { "Retry-After": "30" }, "in 30 seconds"],
    [429, {}, "in a moment"],
    [503, {}, "cannot be reached"],
  ] as const) {
    response = { status, headers };
    await expect(createSession("x")).rejects.toThrow(message);
  }
  server.close();
  server.closeAllConnections();
  await expect(createSession("x")).rejects.toThrow("cannot be reached");
});
