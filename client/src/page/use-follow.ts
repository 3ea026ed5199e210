import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const NEAR = 48; // px from the end that count as the end for a reader who comes down
const BOUNCE = 2; // px

/**
 * Keep a scrolled box at its end while its content grows, unless the reader has scrolled up.
 * Something new of the reader's own (`mine` grows) takes it back to the end.
 */
export function useFollow(mine: number) {
  const log = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [follows, setFollows] = useState(true);

  const follow = useCallback(() => {
    following.current = true;
    setFollows(true);
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, []);

  useEffect(() => {
    const box = log.current!;
    let [top, height] = [box.scrollTop, box.scrollHeight];
    const onScroll = () => {
      const left = box.scrollHeight - box.scrollTop - box.clientHeight;
      // Only the reader moves up while nothing shrinks; a bounce at the end is no move.
      const movedUp = box.scrollTop < top && box.scrollHeight >= height && left > BOUNCE;
      if (movedUp) following.current = false;
      else if (left < NEAR) following.current = true;
      [top, height] = [box.scrollTop, box.scrollHeight];
      setFollows(following.current);
    };
    const grown = new ResizeObserver(() => {
      if (following.current) box.scrollTo({ top: box.scrollHeight });
    });
    box.addEventListener("scroll", onScroll, { passive: true });
    grown.observe(content.current!);
    grown.observe(box);
    return () => {
      box.removeEventListener("scroll", onScroll);
      grown.disconnect();
    };
  }, []);

  const before = useRef(mine);
  useLayoutEffect(() => {
    if (mine > before.current) follow();
    before.current = mine;
  }, [mine, follow]);

  return { log, content, follows, follow };
}
