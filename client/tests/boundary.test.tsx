import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";

import { Boundary } from "../src/page/boundary";

function shown(boundary: Boundary): string {
  return renderToStaticMarkup(<>{boundary.render()}</>);
}

/** React's part: an error first, then other props. */
function after(state: Partial<Boundary["state"]> | null, boundary: Boundary): Boundary {
  boundary.state = { ...boundary.state, ...state };
  return boundary;
}

const props = { of: "text", fallback: <i>plain</i>, children: <b>rich</b> };

it("stands aside while nothing fails", () => {
  expect(shown(new Boundary(props))).toBe("<b>rich</b>");
});

it("shows the fallback after an error, as long as the same is to be shown", () => {
  const boundary = after(Boundary.getDerivedStateFromError(), new Boundary(props));
  expect(shown(boundary)).toBe("<i>plain</i>");
  expect(shown(after(Boundary.getDerivedStateFromProps(props, boundary.state), boundary))).toBe("<i>plain</i>");
});

it("tries again when something else is to be shown", () => {
  const boundary = after(Boundary.getDerivedStateFromError(), new Boundary(props));
  const other = { ...props, of: "text and more" };
  expect(shown(after(Boundary.getDerivedStateFromProps(other, boundary.state), boundary))).toBe("<b>rich</b>");
});
