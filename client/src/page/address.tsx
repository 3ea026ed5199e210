import { type MouseEvent, type ReactNode, useCallback, useSyncExternalStore } from "react";

export type Go = (address: string) => void;

const MOVED = "popstate";

/** Return the path in the address bar, and a way to go to another without loading the page. */
export function useAddress(): [string, Go] {
  const address = useSyncExternalStore(subscribe, () => location.pathname);
  const go = useCallback((to: string) => {
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent(MOVED));
  }, []);
  return [address, go];
}

/** Return the address of a chat. */
export function addressOf(id: string): string {
  return `/chat/${id}`;
}

interface LinkProps {
  to: string;
  go: Go;
  current?: boolean;
  className?: string;
  children: ReactNode;
}

/** A link within the page; with a modifier key it is any link. */
export function Link({ to, go, current, className, children }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={to} onClick={follow} className={className} aria-current={current ? "page" : undefined}>
      {children}
    </a>
  );
}

function subscribe(listener: () => void): () => void {
  addEventListener(MOVED, listener);
  return () => removeEventListener(MOVED, listener);
}
