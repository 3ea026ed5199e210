import { useEffect } from "react";

import { type Go, Link } from "./address";
import { Mark } from "./mark";

/** An address behind which this browser has no chat. */
export function Unknown({ go }: { go: Go }) {
  useEffect(() => {
    document.title = "Not found – Chat";
  }, []);
  return (
    <main className="start">
      <Mark />
      <h1>There is no chat here</h1>
      <p>
        This browser knows no chat at this address. It may have been erased, or it belongs to another
        browser: a chat opens only where it was started.
      </p>
      <p>
        <Link to="/" go={go} className="button main">
          Go to the start
        </Link>
      </p>
    </main>
  );
}
