import { Fragment } from "react";

/** A text that a browser may break after the parts of an address, instead of in the middle of a word. */
export function Breaking({ children }: { children: string }) {
  return <>{children.split(/(?<=[/?&=.:_-])(?=[^/])/).map((part, i) => <Fragment key={i}>{i > 0 && <wbr />}{part}</Fragment>)}</>;
}
