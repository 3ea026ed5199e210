import { Component, type ReactNode } from "react";

interface Props {
  /** After an error, the children are rendered again when this value changes. */
  resetKey: unknown;
  /** Rendered in place of the children after an error. */
  fallback: ReactNode;
  children: ReactNode;
}

interface State {
  resetKey: unknown;
  failed: boolean;
}

/** Limits an error during rendering to its children. The rest of the page stays. */
export class ErrorBoundary extends Component<Props, State> {
  state: State = { resetKey: this.props.resetKey, failed: false };

  static getDerivedStateFromError(): Partial<State> {
    return { failed: true };
  }

  static getDerivedStateFromProps({ resetKey }: Props, state: State): State | null {
    return Object.is(resetKey, state.resetKey) ? null : { resetKey, failed: false };
  }

  render(): ReactNode {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}
