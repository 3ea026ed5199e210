import { Component, type ReactNode } from "react";

interface Props {
  /** What is shown: when it is another, it is tried again. */
  of: unknown;
  /** What stands there instead when it cannot be rendered. */
  fallback: ReactNode;
  children: ReactNode;
}

interface State {
  of: unknown;
  failed: boolean;
}

/** Keeps an error in rendering to the place where it is: the rest of the page stays. */
export class Boundary extends Component<Props, State> {
  state: State = { of: this.props.of, failed: false };

  static getDerivedStateFromError(): Partial<State> {
    return { failed: true };
  }

  static getDerivedStateFromProps({ of }: Props, state: State): State | null {
    return Object.is(of, state.of) ? null : { of, failed: false };
  }

  render(): ReactNode {
    return this.state.failed ? this.props.fallback : this.props.children;
  }
}
