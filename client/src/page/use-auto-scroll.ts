import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

const END_DISTANCE = 48; // px from the end; a reader who scrolls nearer follows the content again
const BOUNCE = 2; // px; some browsers bounce at the end

/**
 * Keep a scrolled list at its end while its content grows, unless the reader has scrolled up.
 * When `unsentCount` grows, the reader has written something: the list scrolls to its end.
 */
export function useAutoScroll(unsentCount: number) {
  const list = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [isFollowing, setFollowing] = useState(true);

  const scrollToEnd = useCallback(() => {
    following.current = true;
    setFollowing(true);
    list.current?.scrollTo({ top: list.current.scrollHeight });
  }, []);

  useEffect(() => {
    const box = list.current!;
    let [top, height] = [box.scrollTop, box.scrollHeight];
    const onScroll = () => {
      const distance = box.scrollHeight - box.scrollTop - box.clientHeight;
      // The position also decreases when the content shrinks, or after a bounce at the end.
      const readerMovedUp = box.scrollTop < top && box.scrollHeight >= height && distance > BOUNCE;
      if (readerMovedUp) following.current = false;
      else if (distance < END_DISTANCE) following.current = true;
      [top, height] = [box.scrollTop, box.scrollHeight];
      setFollowing(following.current);
    };
    const resizeObserver = new ResizeObserver(() => {
      if (following.current) box.scrollTo({ top: box.scrollHeight });
    });
    box.addEventListener("scroll", onScroll, { passive: true });
    resizeObserver.observe(content.current!);
    resizeObserver.observe(box);
    return () => {
      box.removeEventListener("scroll", onScroll);
      resizeObserver.disconnect();
    };
  }, []);

  const previousCount = useRef(unsentCount);
  useLayoutEffect(() => {
    if (unsentCount > previousCount.current) scrollToEnd();
    previousCount.current = unsentCount;
  }, [unsentCount, scrollToEnd]);

  return { list, content, isFollowing, scrollToEnd };
}
