import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";

import { RenderThrottle } from "./render-throttle";

/**
 * Limit how often a growing text is rendered. Return the text to render now, and the ref for the
 * element that contains it. A complete text is returned at once.
 */
export function useThrottledText(text: string, isGrowing: boolean): [string, RefObject<HTMLDivElement>] {
  const [throttledText, setThrottledText] = useState(text);
  const [throttle] = useState(() => new RenderThrottle());
  const element = useRef<HTMLDivElement>(null);
  const newest = useRef(text);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const start = performance.now();
  const rendered = isGrowing ? throttledText : text;
  newest.current = text;

  useLayoutEffect(() => {
    void element.current?.offsetHeight; // forces the layout, which is part of the cost
    throttle.onRendered(start, performance.now());
    // `start` is not a dependency: it belongs to the rendering of this text.
  }, [rendered]);

  useEffect(() => {
    // A running timer is not restarted: if deltas came faster than its delay, it would never fire.
    if (!isGrowing || throttledText === text || timer.current) return;
    timer.current = setTimeout(() => {
      timer.current = undefined;
      setThrottledText(newest.current);
    }, throttle.delay(performance.now()));
  });

  useEffect(
    () => () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    },
    [],
  );

  return [rendered, element];
}
