import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";

import { ErrorBoundary } from "../src/page/error-boundary";

function rendered(boundary: ErrorBoundary): string {
  return renderToStaticMarkup(<>{boundary.render()}</>);
}

/** Set a boundary's state, as React does after an error or new props. */
function withState(state: Partial<ErrorBoundary["state"]> | null, boundary: ErrorBoundary): ErrorBoundary {
  boundary.state = { ...boundary.state, ...state };
  return boundary;
}

const props = { resetKey: "text", fallback: <i>plain</i>, children: <b>rich</b> };

it("renders its children while there is no error", () => {
  expect(rendered(new ErrorBoundary(props))).toBe("<b>rich</b>");
});

it("renders the fallback after an error, as long as the reset key is the same", () => {
  const boundary = withState(ErrorBoundary.getDerivedStateFromError(), new ErrorBoundary(props));
  expect(rendered(boundary)).toBe("<i>plain</i>");
  expect(rendered(withState(ErrorBoundary.getDerivedStateFromProps(props, boundary.state), boundary))).toBe("<i>plain</i>");
});

it("renders its children again when the reset key changes", () => {
  const boundary = withState(ErrorBoundary.getDerivedStateFromError(), new ErrorBoundary(props));
  const other = { ...props, resetKey: "text and more" };
  expect(rendered(withState(ErrorBoundary.getDerivedStateFromProps(other, boundary.state), boundary))).toBe("<b>rich</b>");
});
