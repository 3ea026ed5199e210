import { type MouseEvent, type ReactNode, useCallback, useSyncExternalStore } from "react";

export type Navigate = (path: string) => void;

const NAVIGATED = "popstate";

/** Return the current path, and a function that navigates without loading the page. */
export function usePath(): [string, Navigate] {
  const path = useSyncExternalStore(subscribe, () => location.pathname);
  const navigate = useCallback((to: string) => {
    history.pushState(null, "", to);
    dispatchEvent(new PopStateEvent(NAVIGATED));
  }, []);
  return [path, navigate];
}

/** Return the path of a chat. */
export function chatPath(id: string): string {
  return `/chat/${id}`;
}

interface LinkProps {
  to: string;
  navigate: Navigate;
  current?: boolean;
  className?: string;
  children: ReactNode;
}

/** A link that does not load the page, unless it is clicked with a modifier key. */
export function Link({ to, navigate, current, className, children }: LinkProps) {
  const onClick = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={to} onClick={onClick} className={className} aria-current={current ? "page" : undefined}>
      {children}
    </a>
  );
}

function subscribe(listener: () => void): () => void {
  addEventListener(NAVIGATED, listener);
  return () => removeEventListener(NAVIGATED, listener);
}
