import { Anchor, Code, Typography } from "@mantine/core";
import Markdown from "react-markdown";

/** What a document's author wrote as Markdown. HTML in it stays text, and nothing is loaded from anywhere. */
export function Prose({ children }: { children: string }) {
  return (
    <Typography fz="sm">
      <Markdown
        disallowedElements={["img", "h1", "h2"]}
        unwrapDisallowed
        components={{
          // What is left of an address that runs a script is empty, and would lead to the console itself.
          a: ({ href, children: label }) => (href ? <Anchor inherit td="underline" href={href} target="_blank" rel="noopener noreferrer">{label}</Anchor> : <>{label}</>),
          code: ({ children: code }) => <Code>{code}</Code>,
        }}
      >
        {children}
      </Markdown>
    </Typography>
  );
}
