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
          a: ({ href, children: label }) => <Anchor inherit td="underline" href={href} target="_blank" rel="noopener noreferrer">{label}</Anchor>,
          code: ({ children: code }) => <Code>{code}</Code>,
        }}
      >
        {children}
      </Markdown>
    </Typography>
  );
}
