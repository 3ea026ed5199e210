import { defineConfig } from "vitest/config";

const server = "http://127.0.0.1:3500"; // where `make run` listens

export default defineConfig({
  base: "/static/",
  build: {
    outDir: "../web/static",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0, // the Content-Security-Policy forbids inline scripts
    modulePreload: { polyfill: false },
    target: "es2022",
  },
  esbuild: { legalComments: "none" },
  server: {
    proxy: {
      "/token": server,
      "/refresh_token": server,
      "/chat": {
        target: server,
        ws: true,
        changeOrigin: true,
        // A chat's path is the page. Only a WebSocket goes to the server.
        bypass: (request) => (request.headers.upgrade ? undefined : "/static/index.html"),
      },
    },
  },
  test: {
    environment: "node",
    include: ["tests/**/*.test.{ts,tsx}"],
    testTimeout: 60_000, // ms, on a busy machine
  },
});
