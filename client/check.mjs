// Checks that web/static contains the build of this source.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const committed = fileURLToPath(new URL("../web/static", import.meta.url));
const built = mkdtempSync(join(tmpdir(), "page-"));

try {
  await build({ build: { outDir: built }, logLevel: "warn" });
  const names = new Set([...readdirSync(committed), ...readdirSync(built)]);
  const stale = [...names].filter((name) => read(committed, name) !== read(built, name));
  if (stale.length) {
    console.error(`web/static is not the build of this source: ${stale.sort().join(", ")}`);
    console.error("Run `npm run build` and commit the files that it writes.");
    process.exitCode = 1;
  }
} finally {
  rmSync(built, { recursive: true });
}

/** Return a file's bytes as text, or null if there is no such file. */
function read(folder, name) {
  try {
    return readFileSync(join(folder, name), "latin1");
  } catch {
    return null;
  }
}
