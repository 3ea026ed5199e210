import { useEffect } from "react";

import { Logo } from "./logo";
import { Link, type Navigate } from "./router";

/** Shown for a path without a chat in this browser. */
export function NotFoundPage({ navigate }: { navigate: Navigate }) {
  useEffect(() => {
    document.title = "Not found – Chat";
  }, []);
  return (
    <main className="start">
      <Logo />
      <h1>There is no chat here</h1>
      <p>
        This browser knows no chat at this address. It may have been erased, or it belongs to another
        browser: a chat opens only where it was started.
      </p>
      <p>
        <Link to="/" navigate={navigate} className="button primary">
          Go to the start
        </Link>
      </p>
    </main>
  );
}
